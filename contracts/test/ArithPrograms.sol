// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {OpenedWord} from "../src/arith/Words.sol";
import {ArithBase} from "./ArithBase.sol";

/// @dev Small programs, written out byte by byte, and words for them.
abstract contract ArithPrograms is ArithBase {
    /// @dev f32[2, 3] from [2, k] times [k, 3] in chains.
    function matmul(uint32 k) internal pure returns (bytes memory) {
        return contraction(k, hex"00", hex"010600000001020101020300");
    }

    /// @dev The same in 24 bits.
    function quantised(uint32 k) internal pure returns (bytes memory) {
        return contraction(k, hex"03", hex"000000");
    }

    function contraction(uint32 k, bytes1 order, bytes memory straight) private pure returns (bytes memory) {
        bytes memory shapes = bytes.concat(hex"02", dim(2), dim(3), hex"01", dim(k));
        bytes memory loads = bytes.concat(load(hex"00", k, 0, 1), load(hex"01", 0, 1, 3));
        return bytes.concat(hex"0100", shapes, order, dim(0), hex"02", loads, straight);
    }

    /// @dev Sum of k words in lanes, and a finish that multiplies by two.
    function sum(uint32 k) internal pure returns (bytes memory) {
        bytes memory loads = bytes.concat(hex"010000000000", dim(0), dim(1), hex"0000");
        bytes memory finish = hex"0103020500000040";
        return bytes.concat(hex"01000001", dim(k), hex"0100000000", loads, hex"010102000001010203", finish);
    }

    /// @dev u32[4]: element i is table[5 + 2 index[i]] | i for indices below 10, of the first three elements; else 7 |
    /// i.
    function gather() internal pure returns (bytes memory) {
        bytes memory index = bytes.concat(hex"01", dim(0), dim(0), dim(1), hex"0000");
        bytes memory guard = bytes.concat(hex"01", dim(0), dim(1), dim(3));
        bytes memory via = bytes.concat(hex"0100", dim(2), dim(10));
        bytes memory row = bytes.concat(hex"00", dim(7), dim(5), dim(0), via, guard);
        return bytes.concat(hex"010201", dim(4), hex"0001", dim(0), hex"02", index, row, hex"0000011100010400");
    }

    function dim(uint32 value) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(value), uint8(value >> 8), uint8(value >> 16), uint8(value >> 24));
    }

    /// @dev Strides over row, column and k.
    function load(bytes1 from, uint32 row, uint32 column, uint32 inner) private pure returns (bytes memory) {
        return bytes.concat(from, dim(0), dim(0), dim(row), dim(column), dim(inner), hex"0000");
    }

    function words(OpenedWord memory a, OpenedWord memory b, OpenedWord memory c)
        internal
        pure
        returns (OpenedWord[] memory all)
    {
        all = new OpenedWord[](3);
        (all[0], all[1], all[2]) = (a, b, c);
    }

    function traced(uint64 index, uint256 word) internal pure returns (OpenedWord memory) {
        return OpenedWord(true, 0, index, uint32(word));
    }

    function operand(uint8 number, uint64 index, uint256 word) internal pure returns (OpenedWord memory) {
        return OpenedWord(false, number, index, uint32(word));
    }

    function none() internal pure returns (OpenedWord[] memory) {
        return new OpenedWord[](0);
    }
}
