// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Float32} from "./Float32.sol";
import {MicroStep, Source, Sources} from "./Sources.sol";

/// @title The trace of a quantised contraction (docs/spec/arithmetic.md, Traces)
/// @dev Each block of c positions has 12c + 7 words: 4 at every position for the largest magnitudes, 3 for the shifts,
/// 8 at every position for the sum in two words, 4 for the value. The additions of block values follow all blocks.
library QuantisedTraces {
    uint256 private constant BLOCK = 256;
    uint256 private constant FULL = 12 * BLOCK + 7;

    uint256 private constant FADD = 1;
    uint256 private constant FMAX = 7;
    uint256 private constant FLT = 8;
    uint256 private constant IADD = 11;
    uint256 private constant IMUL = 13;
    uint256 private constant AND = 16;
    uint256 private constant SELECT = 21;
    uint256 private constant QSHIFT = 26;
    uint256 private constant F2Q = 27;
    uint256 private constant Q2F = 28;
    uint256 private constant IMULH = 29;
    uint256 private constant ULT = 30;

    uint256 private constant MAGNITUDE = 0x7fffffff;
    uint256 private constant INFINITY = 0x7f800000;

    /// @dev A block of positions in the trace.
    /// @param shifts Where its shifts start; `sums` and `value` likewise.
    struct Span {
        uint256 base;
        uint256 shifts;
        uint256 sums;
        uint256 value;
    }

    /// @param count loop positions
    /// @return joins Where the additions of block values start.
    /// @return end One past the last word.
    function layoutOf(uint256 count) internal pure returns (uint256 joins, uint256 end) {
        unchecked {
            if (count == 0) return (0, 0);
            uint256 last = (count - 1) / BLOCK;
            joins = last * FULL + 12 * (count - last * BLOCK) + 7;
            end = joins + last;
        }
    }

    /// @param bound the largest magnitude of a quantised value
    /// @param count loop positions
    /// @param t below the end of the contraction's trace
    /// @return step The block whose result is word t; without coordinates.
    /// @return position That of its loads.
    function stepAt(uint256 bound, uint256 count, uint256 t)
        internal
        pure
        returns (MicroStep memory step, uint256 position)
    {
        unchecked {
            (uint256 joins,) = layoutOf(count);
            if (t >= joins) {
                step.code = FADD;
                step.a = Sources.traced(t == joins ? resultOf(0, joins) : t - 1);
                step.b = Sources.traced(resultOf(t - joins + 1, joins));
                return (step, 0);
            }
            uint256 number = t / FULL;
            uint256 last = (count - 1) / BLOCK;
            uint256 first = number * BLOCK;
            uint256 size = number == last ? count - first : BLOCK;
            Span memory s;
            s.base = number * FULL;
            s.shifts = s.base + 4 * size;
            s.sums = s.shifts + 3;
            s.value = s.sums + 8 * size;
            if (t < s.shifts) {
                position = first + (t - s.base) / 4;
                magnitudes(step, s, t);
            } else if (t < s.sums) {
                shifts(step, s, t, bound);
            } else if (t < s.value) {
                position = first + (t - s.sums) / 8;
                sums(step, s, t);
            } else {
                values(step, s, t);
            }
        }
    }

    /// @dev The last word of a block: its value.
    function resultOf(uint256 number, uint256 joins) private pure returns (uint256) {
        unchecked {
            uint256 end = (number + 1) * FULL;
            return (end < joins ? end : joins) - 1;
        }
    }

    /// @dev and(a, MAGNITUDE), fmax(m_a, that), and(b, MAGNITUDE), fmax(m_b, that)
    function magnitudes(MicroStep memory step, Span memory s, uint256 t) private pure {
        unchecked {
            uint256 n = (t - s.base) % 4;
            if (n % 2 == 0) {
                step.code = AND;
                step.a = Sources.loaded(n / 2);
                step.b = Sources.constant_(MAGNITUDE);
            } else {
                step.code = FMAX;
                step.a = before(t, 4, s.base);
                step.b = Sources.traced(t - 1);
            }
        }
    }

    /// @dev qshift(m_a, bound), qshift(m_b, bound), iadd of both
    function shifts(MicroStep memory step, Span memory s, uint256 t, uint256 bound) private pure {
        unchecked {
            uint256 n = t - s.shifts;
            if (n == 2) {
                step.code = IADD;
                step.a = Sources.traced(t - 2);
                step.b = Sources.traced(t - 1);
            } else {
                step.code = QSHIFT;
                step.a = Sources.traced(s.shifts - (n == 0 ? 3 : 1));
                step.b = Sources.constant_(bound);
            }
        }
    }

    /// @dev x = f2q(a, s_a), y = f2q(b, s_b), p = imul(x, y), h = imulh(x, y), low = iadd(low, p), ult(low, p),
    /// iadd(high, h), high = iadd of the last two
    function sums(MicroStep memory step, Span memory s, uint256 t) private pure {
        unchecked {
            uint256 n = (t - s.sums) % 8;
            uint256 start = t - n;
            if (n < 2) {
                step.code = F2Q;
                step.a = Sources.loaded(n);
                step.b = Sources.traced(s.shifts + n);
            } else if (n < 4) {
                step.code = n == 2 ? IMUL : IMULH;
                step.a = Sources.traced(start);
                step.b = Sources.traced(start + 1);
            } else if (n == 4) {
                step.code = IADD;
                step.a = before(t, 8, s.sums);
                step.b = Sources.traced(start + 2);
            } else if (n == 5) {
                step.code = ULT;
                step.a = Sources.traced(start + 4);
                step.b = Sources.traced(start + 2);
            } else if (n == 6) {
                step.code = IADD;
                step.a = before(t + 1, 8, s.sums);
                step.b = Sources.traced(start + 3);
            } else {
                step.code = IADD;
                step.a = Sources.traced(start + 6);
                step.b = Sources.traced(start + 5);
            }
        }
    }

    /// @dev m = fmax(m_a, m_b), flt(m, +Inf), v = q2f(high, low, s_a + s_b), select of v or NaN
    function values(MicroStep memory step, Span memory s, uint256 t) private pure {
        unchecked {
            uint256 n = t - s.value;
            if (n == 0) {
                step.code = FMAX;
                step.a = Sources.traced(s.shifts - 3);
                step.b = Sources.traced(s.shifts - 1);
            } else if (n == 1) {
                step.code = FLT;
                step.a = Sources.traced(s.value);
                step.b = Sources.constant_(INFINITY);
            } else if (n == 2) {
                step.code = Q2F;
                step.a = Sources.traced(s.value - 1);
                step.b = Sources.traced(s.value - 4);
                step.c = Sources.traced(s.shifts + 2);
            } else {
                step.code = SELECT;
                step.a = Sources.traced(s.value + 1);
                step.b = Sources.traced(s.value + 2);
                step.c = Sources.constant_(Float32.NAN);
            }
        }
    }

    /// @dev Word t as it was one position before, `stride` words ago; 0 at the first one of a block, whose words start
    /// at `start`.
    function before(uint256 t, uint256 stride, uint256 start) private pure returns (Source) {
        unchecked {
            return t < start + stride ? Sources.NONE : Sources.traced(t - stride);
        }
    }
}
