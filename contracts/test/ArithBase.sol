// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {OpenedWord} from "../src/arith/Words.sol";
import {Deploy} from "deploy/Deploy.sol";
import {vm} from "./Vm.sol";

/// @dev The probe's calls: `ArithmeticProbe` itself would be compiled with the tests, without the optimizer.
interface IArithmetic {
    function evaluate(uint256 code, uint256 a, uint256 b, uint256 c) external pure returns (uint256);
    function gasOf(uint256 code, uint256 a, uint256 b, uint256 c) external view returns (uint256 used, uint256 word);
    function traceLength(bytes calldata program) external pure returns (uint256);
    function outputType(bytes calldata program) external pure returns (uint8, uint32[] memory, uint256);
    function execute(bytes calldata program, uint256 element, uint256 t, OpenedWord[] calldata opened)
        external
        pure
        returns (uint256);
    function gasOfStep(bytes calldata program, uint256 element, uint256 t, OpenedWord[] memory opened)
        external
        view
        returns (uint256 used, uint256 word);
}

/// @dev Codes of blocks, words with names, and the libraries as they are compiled for clients.
abstract contract ArithBase {
    bool public constant IS_TEST = true;

    uint256 internal constant FADD = 1;
    uint256 internal constant FSUB = 2;
    uint256 internal constant FMUL = 3;
    uint256 internal constant FDIV = 4;
    uint256 internal constant FSQRT = 5;
    uint256 internal constant FFMA = 6;
    uint256 internal constant FMAX = 7;
    uint256 internal constant FLT = 8;
    uint256 internal constant FLE = 9;
    uint256 internal constant FEQ = 10;
    uint256 internal constant IADD = 11;
    uint256 internal constant ISUB = 12;
    uint256 internal constant IMUL = 13;
    uint256 internal constant ILT = 14;
    uint256 internal constant IEQ = 15;
    uint256 internal constant AND = 16;
    uint256 internal constant OR = 17;
    uint256 internal constant XOR = 18;
    uint256 internal constant SHL = 19;
    uint256 internal constant SHR = 20;
    uint256 internal constant SELECT = 21;
    uint256 internal constant F2I = 22;
    uint256 internal constant I2F = 23;
    uint256 internal constant U2F = 24;
    uint256 internal constant CANON = 25;
    uint256 internal constant QSHIFT = 26;
    uint256 internal constant F2Q = 27;
    uint256 internal constant Q2F = 28;
    uint256 internal constant IMULH = 29;
    uint256 internal constant ULT = 30;

    uint256 internal constant ZERO = 0;
    uint256 internal constant MINUS_ZERO = 0x80000000;
    uint256 internal constant TINY = 1;
    uint256 internal constant LARGEST_SUBNORMAL = 0x007fffff;
    uint256 internal constant LEAST_NORMAL = 0x00800000;
    uint256 internal constant ONE = 0x3f800000;
    uint256 internal constant TWO = 0x40000000;
    uint256 internal constant HALF = 0x3f000000;
    uint256 internal constant LARGEST = 0x7f7fffff;
    uint256 internal constant INF = 0x7f800000;
    uint256 internal constant NAN = 0x7fc00000;
    uint256 internal constant SIGNALLING = 0xff800001;
    uint256 internal constant SIGN = 0x80000000;
    uint256 internal constant MAGNITUDE = 0x7fffffff;

    IArithmetic internal arithmetic;

    error NotEqual(string what, uint256 left, uint256 right);

    function setUp() public {
        arithmetic = IArithmetic(Deploy.probeNamed("ArithmeticProbe"));
    }

    function eq(uint256 left, uint256 right, string memory what) internal pure {
        if (left != right) revert NotEqual(what, left, right);
    }

    function run(uint256 code, uint256 a, uint256 b) internal view returns (uint256) {
        return arithmetic.evaluate(code, a, b, 0);
    }

    function run(uint256 code, uint256 a, uint256 b, uint256 c) internal view returns (uint256) {
        return arithmetic.evaluate(code, a, b, c);
    }

    function gives(uint256 code, uint256 a, uint256 b, uint256 expected, string memory what) internal view {
        eq(run(code, a, b), expected, what);
    }

    function gives(uint256 code, uint256 a, uint256 b, uint256 c, uint256 expected, string memory what) internal view {
        eq(run(code, a, b, c), expected, what);
    }

    function isNan(uint256 a) internal pure returns (bool) {
        return a & MAGNITUDE > INF;
    }
}
