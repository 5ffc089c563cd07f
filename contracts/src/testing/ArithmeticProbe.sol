// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Blocks} from "../arith/Blocks.sol";
import {Machine} from "../arith/Machine.sol";
import {OpenedWord} from "../arith/Words.sol";

/// @title The arithmetic libraries behind calls, for tests alone
contract ArithmeticProbe {
    function evaluate(uint256 code, uint256 a, uint256 b, uint256 c) external pure returns (uint256) {
        return Blocks.evaluate(code, a, b, c);
    }

    /// @notice The gas of one block, the choice of the block included.
    function gasOf(uint256 code, uint256 a, uint256 b, uint256 c) external view returns (uint256 used, uint256 word) {
        used = gasleft();
        word = Blocks.evaluate(code, a, b, c);
        used -= gasleft();
    }

    /// @param cases big-endian words: three arguments and the expected result, again and again
    /// @return The first case whose result is not the expected one, or the number of cases.
    function check(uint256 code, bytes calldata cases) external pure returns (uint256) {
        unchecked {
            uint256 count = cases.length / 16;
            uint256 cursor;
            assembly ("memory-safe") {
                cursor := cases.offset
            }
            for (uint256 i = 0; i < count; i++) {
                uint256 row;
                assembly ("memory-safe") {
                    row := shr(128, calldataload(cursor))
                }
                uint256 word = Blocks.evaluate(code, row >> 96, uint32(row >> 64), uint32(row >> 32));
                if (word != uint32(row)) return i;
                cursor += 16;
            }
            return count;
        }
    }

    function traceLength(bytes calldata program) external pure returns (uint256) {
        return Machine.traceLength(program);
    }

    function outputType(bytes calldata program) external pure returns (uint8, uint32[] memory, uint256) {
        return Machine.outputType(program);
    }

    function execute(bytes calldata program, uint256 element, uint256 t, OpenedWord[] calldata opened)
        external
        pure
        returns (uint256)
    {
        return Machine.execute(program, element, t, opened);
    }

    /// @notice The gas of one micro-step, from the program's bytes in calldata and the opened words in memory.
    function gasOfStep(bytes calldata program, uint256 element, uint256 t, OpenedWord[] memory opened)
        external
        view
        returns (uint256 used, uint256 word)
    {
        used = gasleft();
        word = Machine.execute(program, element, t, opened);
        used -= gasleft();
    }
}
