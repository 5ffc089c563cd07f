// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Float32} from "./Float32.sol";
import {Quantised} from "./Quantised.sol";

/// @title The building blocks of exact arithmetic (docs/spec/arithmetic.md, Blocks)
library Blocks {
    /// @notice Thrown when no block has the code.
    error NoBlock(uint256 code);

    /// @notice The result of one block.
    /// @param code 1..30
    /// @param a First argument, a word below 2^32 like all; a block ignores those beyond its arity.
    /// @return word A word below 2^32.
    function evaluate(uint256 code, uint256 a, uint256 b, uint256 c) internal pure returns (uint256 word) {
        if (code < 11) {
            if (code == 6) return Float32.fma(a, b, c);
            if (code == 1) return Float32.add(a, b);
            if (code == 2) return Float32.sub(a, b);
            if (code == 3) return Float32.mul(a, b);
            if (code == 4) return Float32.div(a, b);
            if (code == 5) return Float32.sqrt(a);
            if (code == 7) return Float32.max(a, b);
            if (code == 8) return Float32.lt(a, b);
            if (code == 9) return Float32.le(a, b);
            if (code == 10) return Float32.eq(a, b);
        } else if (code < 22) {
            return integer(code, a, b, c);
        } else {
            if (code == 22) return Float32.f2i(a);
            if (code == 23) return Float32.i2f(a);
            if (code == 24) return Float32.u2f(a);
            if (code == 25) return Float32.canon(a);
            if (code == 26) return Quantised.qshift(a, b);
            if (code == 27) return Quantised.f2q(a, b);
            if (code == 28) return Quantised.q2f(a, b, c);
            if (code == 29) return Quantised.imulh(a, b);
            if (code == 30) return Quantised.ult(a, b);
        }
        revert NoBlock(code);
    }

    /// @dev Blocks 11 to 21.
    function integer(uint256 code, uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        unchecked {
            if (code == 11) return uint32(a + b);
            if (code == 12) return uint32(a - b);
            if (code == 13) return uint32(a * b);
            if (code == 14) return int32(uint32(a)) < int32(uint32(b)) ? 1 : 0;
            if (code == 15) return a == b ? 1 : 0;
            if (code == 16) return a & b;
            if (code == 17) return a | b;
            if (code == 18) return a ^ b;
            if (code == 19) return uint32(a << (b & 31));
            if (code == 20) return a >> (b & 31);
            return a != 0 ? b : c;
        }
    }
}
