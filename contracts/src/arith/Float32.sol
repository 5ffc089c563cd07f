// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title IEEE 754 binary32 in integers (docs/spec/arithmetic.md, Blocks)
/// @dev Arguments and results are words below 2^32. Rounding is to nearest, ties to even, once; subnormals are
/// honoured; every NaN result is `NAN`.
///
/// A finite word has the value significand * 2^(grid - 149): `grid` 0 is the grid of subnormal numbers and of the
/// lowest binade. Results are computed exactly as such a pair with a wider significand, or with a last bit that stands
/// for all that lies below it, and then rounded by `nearest`.
library Float32 {
    uint256 internal constant NAN = 0x7fc00000;
    uint256 private constant INFINITY = 0x7f800000;
    uint256 private constant MAGNITUDE = 0x7fffffff;
    uint256 private constant SIGN = 0x80000000;
    uint256 private constant ONES = type(uint256).max;
    /// @dev The grid of integers.
    int256 private constant UNIT = 149;
    /// @dev Terms further apart than this cannot touch but by their signs: a product has at most 48 bits.
    uint256 private constant FAR = 80;

    // ----------------------------------------------------------- arithmetic

    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            if (isNan(a) || isNan(b)) return NAN;
            if (a & MAGNITUDE == INFINITY) return b & MAGNITUDE == INFINITY && a != b ? NAN : a;
            if (b & MAGNITUDE == INFINITY) return b;
            (uint256 m, uint256 x) = unpack(a);
            (uint256 n, uint256 y) = unpack(b);
            return sum(a & SIGN, m, int256(x), b & SIGN, n, int256(y));
        }
    }

    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ SIGN);
    }

    function mul(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            if (isNan(a) || isNan(b)) return NAN;
            uint256 sign = (a ^ b) & SIGN;
            if (a & MAGNITUDE == INFINITY || b & MAGNITUDE == INFINITY) {
                return isZero(a) || isZero(b) ? NAN : sign | INFINITY;
            }
            (uint256 m, uint256 x) = unpack(a);
            (uint256 n, uint256 y) = unpack(b);
            return nearest(sign, m * n, int256(x + y) - UNIT);
        }
    }

    function div(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            if (isNan(a) || isNan(b)) return NAN;
            uint256 sign = (a ^ b) & SIGN;
            if (a & MAGNITUDE == INFINITY) return b & MAGNITUDE == INFINITY ? NAN : sign | INFINITY;
            if (b & MAGNITUDE == INFINITY) return sign;
            if (isZero(b)) return isZero(a) ? NAN : sign | INFINITY;
            (uint256 m, uint256 x) = unpack(a);
            (uint256 n, uint256 y) = unpack(b);
            // A quotient other than 0 has at least 40 bits; the last bit of twice of it stands for the remainder.
            m <<= 64;
            uint256 quotient = (m / n) << 1;
            if (m % n != 0) quotient |= 1;
            return nearest(sign, quotient, int256(x) - int256(y) + UNIT - 65);
        }
    }

    function sqrt(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (isNan(a) || isZero(a)) return isZero(a) ? a : NAN;
            if (a & SIGN != 0) return NAN;
            if (a == INFINITY) return a;
            (uint256 m, uint256 x) = unpack(a);
            // a = n * 2^e with e even and n in 2^50..2^52: the root of n has 26 bits.
            uint256 up = leadingZeros(m) - 232;
            int256 e = int256(x) - UNIT - int256(up) - 27;
            uint256 odd = uint256(e) & 1;
            e -= int256(odd);
            uint256 n = m << (up + 27 + odd);
            // Newton from 2^25.5: relative errors below 0.42, 0.07, 0.003, 4e-6, 1e-11; never below the root after the
            // first.
            uint256 root = 0x2d413cd;
            root = (root + n / root) >> 1;
            root = (root + n / root) >> 1;
            root = (root + n / root) >> 1;
            root = (root + n / root) >> 1;
            if (root * root > n) root--;
            // The last bit of twice the root stands for what is left.
            return nearest(0, root * root == n ? root << 1 : root << 1 | 1, e / 2 - 1 + UNIT);
        }
    }

    /// @return a * b + c, rounded once.
    function fma(uint256 a, uint256 b, uint256 c) internal pure returns (uint256) {
        unchecked {
            if (isNan(a) || isNan(b) || isNan(c)) return NAN;
            uint256 sign = (a ^ b) & SIGN;
            if (a & MAGNITUDE == INFINITY || b & MAGNITUDE == INFINITY) {
                if (isZero(a) || isZero(b) || c == (sign ^ SIGN) | INFINITY) return NAN;
                return sign | INFINITY;
            }
            if (c & MAGNITUDE == INFINITY) return c;
            (uint256 m, uint256 x) = unpack(a);
            (uint256 n, uint256 y) = unpack(b);
            (uint256 o, uint256 z) = unpack(c);
            m *= n;
            // A product of 0 lies on any grid.
            return sum(sign, m, m == 0 ? int256(z) : int256(x + y) - UNIT, c & SIGN, o, int256(z));
        }
    }

    // ----------------------------------------------------------- comparison

    /// @return The larger; NaN if any is NaN; +0 above -0.
    function max(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return NAN;
        return rank(a) > rank(b) ? a : b;
    }

    function lt(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b) || isZero(a | b)) return 0;
        return rank(a) < rank(b) ? 1 : 0;
    }

    function le(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return 0;
        return isZero(a | b) || rank(a) <= rank(b) ? 1 : 0;
    }

    function eq(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return 0;
        return isZero(a | b) || a == b ? 1 : 0;
    }

    // ----------------------------------------------------------- conversion

    /// @return The signed integer toward zero; saturates; 0 for NaN.
    function f2i(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (isNan(a)) return 0;
            (uint256 m, uint256 x) = unpack(a);
            // From 2^31 on; all the lower binades shift to the right, or by less than 8 bits to the left.
            if (x >= uint256(UNIT) + 8) return saturated(a);
            m = x >= uint256(UNIT) ? m << (x - uint256(UNIT)) : m >> (uint256(UNIT) - x);
            return a & SIGN == 0 ? m : uint32(0 - m);
        }
    }

    /// @return The float nearest to a signed integer.
    function i2f(uint256 a) internal pure returns (uint256) {
        unchecked {
            return a & SIGN == 0 ? nearest(0, a, UNIT) : nearest(SIGN, (1 << 32) - a, UNIT);
        }
    }

    /// @return The float nearest to an unsigned integer.
    function u2f(uint256 a) internal pure returns (uint256) {
        return nearest(0, a, UNIT);
    }

    /// @return What a tensor stores: `NAN` for a NaN, the zero of its sign for a subnormal.
    function canon(uint256 a) internal pure returns (uint256) {
        if (isNan(a)) return NAN;
        return a & INFINITY == 0 ? a & SIGN : a;
    }

    // ---------------------------------------------------------------- parts

    function isNan(uint256 a) internal pure returns (bool) {
        return a & MAGNITUDE > INFINITY;
    }

    function isZero(uint256 a) internal pure returns (bool) {
        return a & MAGNITUDE == 0;
    }

    /// @return significand below 2^24
    /// @return grid 0..253; 254 for an infinity, whose significand is 2^23
    function unpack(uint256 a) internal pure returns (uint256 significand, uint256 grid) {
        unchecked {
            grid = (a >> 23) & 0xff;
            significand = a & 0x7fffff;
            if (grid != 0) {
                grid--;
                significand |= 0x800000;
            }
        }
    }

    /// @return The integer of largest magnitude with the sign of `a`.
    function saturated(uint256 a) internal pure returns (uint256) {
        return a & SIGN == 0 ? MAGNITUDE : SIGN;
    }

    /// @return The integer nearest to m * 2^-by, ties to even.
    /// @param m below 2^255
    /// @param by 1..254
    function shiftRight(uint256 m, uint256 by) internal pure returns (uint256) {
        unchecked {
            // One less than half a unit, or half where the kept part is odd, carries exactly what is to be rounded up.
            return (m + ~(ONES << (by - 1)) + ((m >> by) & 1)) >> by;
        }
    }

    /// @return The float nearest to significand * 2^(grid - 149); the zero of the sign if the significand is 0.
    /// @param sign `SIGN` or 0
    /// @param significand below 2^200
    function nearest(uint256 sign, uint256 significand, int256 grid) internal pure returns (uint256) {
        unchecked {
            if (significand == 0) return sign;
            // To 24 bits, or fewer on the lowest grid.
            int256 shift = 232 - int256(leadingZeros(significand));
            if (grid + shift < 0) shift = -grid;
            if (shift > 0) {
                if (shift > 200) return sign;
                significand = shiftRight(significand, uint256(shift));
            } else {
                significand <<= uint256(-shift);
            }
            // The fields add up by themselves, also when rounding carried into a 25th bit.
            uint256 magnitude = (uint256(grid + shift) << 23) + significand;
            return sign | (magnitude < INFINITY ? magnitude : INFINITY);
        }
    }

    /// @dev The float nearest to the sum of two terms of less than 49 bits. A sum of 0 is +0, but of two negative
    /// zeros.
    ///
    /// A term more than `FAR` above the other has at least 24 bits (a factor with a high grid is normal, and so is an
    /// addend), or the other is less than 2^-32 of the lowest unit: then the other decides ties, and no more.
    function sum(uint256 sign, uint256 m, int256 x, uint256 otherSign, uint256 n, int256 y)
        private
        pure
        returns (uint256)
    {
        unchecked {
            // The higher term is brought to the grid of the lower one. If they are far apart, the lower one is a last
            // bit.
            if (x > y) {
                uint256 by = uint256(x - y);
                if (by > FAR) {
                    by = FAR;
                    if (n != 0) n = 1;
                }
                m <<= by;
                x -= int256(by);
            } else {
                uint256 by = uint256(y - x);
                if (by > FAR) {
                    by = FAR;
                    if (m != 0) m = 1;
                    x = y - int256(FAR);
                }
                n <<= by;
            }
            if (sign == otherSign) return nearest(sign, m + n, x);
            if (m > n) return nearest(sign, m - n, x);
            return m == n ? 0 : nearest(otherSign, n - m, x);
        }
    }

    /// @dev Ascends with the value; -0 below +0.
    function rank(uint256 a) private pure returns (uint256) {
        return a & SIGN == 0 ? a | SIGN : a ^ 0xffffffff;
    }

    function leadingZeros(uint256 a) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := clz(a)
        }
    }
}
