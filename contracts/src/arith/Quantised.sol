// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Float32} from "./Float32.sol";

/// @title The blocks of quantised orders (docs/spec/arithmetic.md, Quantised orders)
/// @dev Arguments and results are words below 2^32; shifts are signed integers.
library Quantised {
    /// @return The largest signed s with |rne(a * 2^s)| <= bound, a a float; 0 if a is 0, infinite or NaN.
    function qshift(uint256 a, uint256 bound) internal pure returns (uint256) {
        unchecked {
            if (a & 0x7f800000 == 0x7f800000 || Float32.isZero(a)) return 0;
            (uint256 m, uint256 grid) = Float32.unpack(a);
            uint256 bits = 256 - Float32.leadingZeros(m);
            uint256 top = 256 - Float32.leadingZeros(bound);
            // m / 2^(bits - 1) lies in 1..2. What rounds to `bound` at most is at most bound + 1/2, which goes to the
            // even neighbour.
            uint256 reached = m << top;
            uint256 limit = (2 * bound + 1) << (bits - 1);
            bool fits = reached < limit || (reached == limit && bound & 1 == 0);
            // 2^e is the binade of a.
            int256 e = int256(grid + bits) - 150;
            return uint32(uint256(int256(top) - 1 - e - (fits ? int256(0) : int256(1))));
        }
    }

    /// @return rne(a * 2^shift) as a signed integer, a a float; saturates; 0 for NaN.
    function f2q(uint256 a, uint256 shift) internal pure returns (uint256) {
        unchecked {
            if (Float32.isNan(a)) return 0;
            if (a & 0x7f800000 == 0x7f800000) return Float32.saturated(a);
            (uint256 m, uint256 grid) = Float32.unpack(a);
            int256 by = int256(grid) - 149 + int32(uint32(shift));
            // The significand has less than 25 bits, and is 0 or at least 1.
            if (by < -25 || m == 0) return 0;
            if (by > 31) return Float32.saturated(a);
            m = by < 0 ? Float32.shiftRight(m, uint256(-by)) : m << uint256(by);
            if (m >= 0x80000000) return Float32.saturated(a);
            return a & 0x80000000 == 0 ? m : uint32(0 - m);
        }
    }

    /// @return The float nearest to (high * 2^32 + low) * 2^-shift, high signed, low unsigned; +0 for zero.
    function q2f(uint256 high, uint256 low, uint256 shift) internal pure returns (uint256) {
        unchecked {
            int256 grid = 149 - int256(int32(uint32(shift)));
            uint256 magnitude = high << 32 | low;
            if (high & 0x80000000 == 0) return Float32.nearest(0, magnitude, grid);
            return Float32.nearest(0x80000000, (1 << 64) - magnitude, grid);
        }
    }

    /// @return The high word of the signed product.
    function imulh(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            int256 product = int256(int32(uint32(a))) * int32(uint32(b));
            return uint32(uint256(product >> 32));
        }
    }

    /// @return 1 if a < b as unsigned integers, else 0.
    function ult(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? 1 : 0;
    }
}
