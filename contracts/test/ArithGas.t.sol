// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {OpenedWord} from "../src/arith/Words.sol";
import {ArithPrograms} from "./ArithPrograms.sol";
import {vm} from "./Vm.sol";

/// @dev What the last move of a game computes costs: snapshots/arithmetic.json keeps the figures.
contract ArithGasTest is ArithPrograms {
    uint256 private constant PI = 0x40490fdb;
    uint256 private constant E = 0x402df854;
    uint256 private constant ROOT = 0xbf3504f3;

    function test_blocks() public {
        string[30] memory names = [
            "fadd",
            "fsub",
            "fmul",
            "fdiv",
            "fsqrt",
            "ffma",
            "fmax",
            "flt",
            "fle",
            "feq",
            "iadd",
            "isub",
            "imul",
            "ilt",
            "ieq",
            "and",
            "or",
            "xor",
            "shl",
            "shr",
            "select",
            "f2i",
            "i2f",
            "u2f",
            "canon",
            "qshift",
            "f2q",
            "q2f",
            "imulh",
            "ult"
        ];
        for (uint256 code = 1; code <= names.length; code++) {
            uint256 second = code == QSHIFT ? 5931641 : code == F2Q ? 20 : E;
            (uint256 used,) = arithmetic.gasOf(code, PI, second, code == Q2F ? 40 : ROOT);
            vm.snapshotValue("arithmetic", names[code - 1], used);
        }
    }

    function step(string memory name, bytes memory program, uint256 t, OpenedWord[] memory opened) private {
        (uint256 used,) = arithmetic.gasOfStep(program, 0, t, opened);
        vm.snapshotValue("arithmetic", name, used);
    }

    function test_micro_steps() public {
        OpenedWord[] memory opened = words(operand(0, 700, PI), operand(1, 2100, E), traced(699, ROOT));
        step("step of a matmul", matmul(1300), 700, opened);
        opened[0] = traced(511, PI);
        opened[1] = traced(1023, E);
        step("join of two chains", matmul(1300), 1300, opened);
        opened = words(operand(0, 700, PI), traced(668, E), traced(0, 0));
        step("step of a sum in lanes", sum(16385), 700, opened);
        opened = words(operand(1, 2, 9), operand(0, 23, PI), traced(0, 0));
        (uint256 used,) = arithmetic.gasOfStep(gather(), 2, 0, opened);
        vm.snapshotValue("arithmetic", "gather", used);
        // The first block of 256 positions: magnitudes to 1024, shifts to 1027, then 8 words for each position.
        opened = words(operand(0, 100, PI), traced(1024, 20), traced(0, 0));
        step("scaling in q24", quantised(1300), 1027 + 8 * 100, opened);
        opened = words(traced(0, 0), traced(0, 0), traced(1026, 40));
        opened[0] = traced(1027 + 8 * 256 - 1, 3);
        opened[1] = traced(1027 + 8 * 256 - 4, PI);
        step("value of a block in q24", quantised(1300), 1027 + 8 * 256 + 2, opened);
        step("canonical store", matmul(1300), 1302, words(traced(1301, PI), traced(0, 0), traced(0, 0)));
    }
}
