// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Blocks} from "../arith/Blocks.sol";
import {Machine} from "../arith/Machine.sol";
import {OpenedWord} from "../arith/Words.sol";

/// @notice A micro-step with the words that it needs and the word that it must give.
struct StepCase {
    uint256 element;
    uint256 t;
    OpenedWord[] opened;
    uint256 word;
}

/// @notice A micro-step of any bytes.
struct Attempt {
    bytes program;
    uint256 element;
    uint256 t;
    OpenedWord[] opened;
}

/// @notice What came of an attempt.
/// @param selector The error that it reverted with; 0 if it gave `word`.
/// @param spent Gas, the call included.
struct Outcome {
    bytes4 selector;
    uint256 word;
    uint256 spent;
}

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
            for (uint256 i = 0; i < count; i++) {
                uint256 row = uint128(bytes16(cases[16 * i:16 * i + 16]));
                uint256 word = Blocks.evaluate(code, row >> 96, uint32(row >> 64), uint32(row >> 32));
                if (word != uint32(row)) return i;
            }
            return count;
        }
    }

    /// @param cases as for `check`
    /// @return most The gas of the dearest case.
    function mostGas(uint256 code, bytes calldata cases) external view returns (uint256 most) {
        unchecked {
            for (uint256 i = 0; i + 16 <= cases.length; i += 16) {
                uint256 row = uint128(bytes16(cases[i:i + 16]));
                (uint256 a, uint256 b, uint256 c) = (row >> 96, uint32(row >> 64), uint32(row >> 32));
                uint256 before = gasleft();
                Blocks.evaluate(code, a, b, c);
                uint256 used = before - gasleft();
                if (used > most) most = used;
            }
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

    /// @return The first case whose word is not the expected one, or the number of cases.
    function checkSteps(bytes calldata program, StepCase[] calldata cases) external pure returns (uint256) {
        for (uint256 i = 0; i < cases.length; i++) {
            StepCase calldata one = cases[i];
            if (Machine.execute(program, one.element, one.t, one.opened) != one.word) return i;
        }
        return cases.length;
    }

    /// @param limit gas of each attempt; one that runs out of it has the selector 0xffffffff
    function survey(Attempt[] calldata attempts, uint256 limit) external view returns (Outcome[] memory outcomes) {
        outcomes = new Outcome[](attempts.length);
        for (uint256 i = 0; i < attempts.length; i++) {
            Attempt calldata one = attempts[i];
            uint256 before = gasleft();
            try this.execute{gas: limit}(one.program, one.element, one.t, one.opened) returns (uint256 word) {
                outcomes[i].word = word;
            } catch (bytes memory reason) {
                outcomes[i].selector = reason.length < 4 ? bytes4(0xffffffff) : bytes4(reason);
            }
            outcomes[i].spent = before - gasleft();
        }
    }
}
