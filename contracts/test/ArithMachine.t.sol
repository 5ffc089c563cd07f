// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Machine} from "../src/arith/Machine.sol";
import {BadProgram} from "../src/arith/Programs.sol";
import {OpenedWord, Words} from "../src/arith/Words.sol";
import {ArithPrograms} from "./ArithPrograms.sol";
import {vm} from "./Vm.sol";

/// @dev The machine on small programs. contracts/arith-machine.test.ts compares thousands of micro-steps.
contract ArithMachineTest is ArithPrograms {
    function missing(bool fromTrace, uint8 number, uint64 index) private {
        vm.expectRevert(abi.encodeWithSelector(Words.MissingWord.selector, fromTrace, number, index));
    }

    function test_types_and_lengths() public view {
        (uint8 dtype, uint32[] memory dims, uint256 elements) = arithmetic.outputType(matmul(1300));
        eq(dtype, 0, "f32");
        eq(dims.length, 2, "rank");
        eq(dims[0] * 10 + dims[1], 23, "dimensions");
        eq(elements, 6, "elements");
        (dtype, dims, elements) = arithmetic.outputType(gather());
        eq(dtype, 2, "u32");
        eq(elements, 4, "elements of a vector");
        (, dims, elements) = arithmetic.outputType(sum(5));
        eq(dims.length, 0, "a scalar");
        eq(elements, 1, "is one element");
        eq(arithmetic.traceLength(matmul(1300)), 1300 + 2 + 1, "chains");
        eq(arithmetic.traceLength(matmul(0)), 1, "without positions");
        eq(arithmetic.traceLength(sum(5)), 5 + 31 + 2, "lanes");
        eq(arithmetic.traceLength(sum(16385)), 16385 + 62 + 2 + 31 + 2, "lanes in two levels");
        eq(arithmetic.traceLength(gather()), 1, "a map");
    }

    function test_a_step_of_a_chain() public {
        // Element 4 is row 1, column 1. Position 1000 is inside the second chain.
        OpenedWord[] memory opened = words(traced(999, ONE), operand(0, 2300, TWO), operand(1, 3001, HALF));
        eq(arithmetic.execute(matmul(1300), 4, 1000, opened), TWO, "2 * 0.5 + 1");
        opened[0].index = 998;
        missing(true, 0, 999);
        arithmetic.execute(matmul(1300), 4, 1000, opened);
    }

    function test_chains_start_anew() public view {
        OpenedWord[] memory opened = words(traced(511, ONE), operand(0, 1812, TWO), operand(1, 1537, HALF));
        eq(arithmetic.execute(matmul(1300), 4, 512, opened), ONE, "2 * 0.5 + 0");
    }

    function test_joins_of_chains() public view {
        OpenedWord[] memory opened = words(traced(511, ONE), traced(1023, TWO), traced(1299, HALF));
        eq(arithmetic.execute(matmul(1300), 4, 1300, opened), 0x40400000, "1 + 2");
        opened[1] = traced(1300, 0x40400000);
        eq(arithmetic.execute(matmul(1300), 4, 1301, opened), 0x40600000, "3 + 0.5");
        opened[1] = traced(1301, 0x80000001);
        eq(arithmetic.execute(matmul(1300), 4, 1302, opened), MINUS_ZERO, "stored");
    }

    function test_a_lane_tree() public view {
        OpenedWord[] memory opened = words(traced(3, ONE), traced(4, TWO), traced(0, HALF));
        eq(arithmetic.execute(sum(5), 0, 5, opened), HALF, "lane 0 with lane 16, which has no position");
        eq(arithmetic.execute(sum(5), 0, 8, opened), ONE, "lane 3 with lane 19");
        opened[0] = traced(33, ONE);
        opened[1] = traced(34, TWO);
        eq(arithmetic.execute(sum(5), 0, 35, opened), 0x40400000, "the last join");
        opened[0] = traced(35, ONE);
        eq(arithmetic.execute(sum(5), 0, 36, opened), TWO, "finish");
        opened[0] = traced(36, 0xffc00000);
        eq(arithmetic.execute(sum(5), 0, 37, opened), NAN, "stored");
    }

    function test_lanes_skip() public view {
        OpenedWord[] memory opened = words(traced(68, ONE), operand(0, 100, TWO), traced(99, HALF));
        eq(arithmetic.execute(sum(16385), 0, 100, opened), 0x40400000, "position 100 follows 68");
        opened[1] = operand(0, 16384, TWO);
        eq(arithmetic.execute(sum(16385), 0, 16384, opened), TWO, "the second block starts anew");
    }

    function test_the_second_level_of_lanes() public view {
        // After 16,385 positions and two lane trees: 32 lanes over two block values, of which two have one.
        uint64 level = 16385 + 62;
        OpenedWord[] memory opened = words(traced(16385 + 30, ONE), traced(level - 1, TWO), traced(level, HALF));
        eq(arithmetic.execute(sum(16385), 0, level, opened), ONE, "lane 0 takes the value of the first block");
        eq(arithmetic.execute(sum(16385), 0, level + 1, opened), TWO, "lane 1 that of the second");
        eq(arithmetic.execute(sum(16385), 0, level + 2, opened), HALF, "then they join, 0 with 16 first");
        opened[0] = traced(level + 2 + 28, ONE);
        opened[1] = traced(level + 2 + 29, TWO);
        eq(arithmetic.execute(sum(16385), 0, level + 2 + 30, opened), 0x40400000, "and 0 with 1 last");
        opened[2] = traced(level + 2 + 30, HALF);
        eq(arithmetic.execute(sum(16385), 0, level + 2 + 31, opened), ONE, "finish doubles the total");
    }

    /// @dev The trace of element 0, each word executed from those before it and from operands of ones, first factor 1,
    /// 2, ..., k. The machine is given what it asks for.
    function replayed(bytes memory program) private view returns (uint256 word) {
        uint256[] memory trace = new uint256[](arithmetic.traceLength(program));
        for (uint256 t = 0; t < trace.length; t++) {
            OpenedWord[] memory opened = words(operand(255, 0, 0), operand(255, 0, 0), operand(255, 0, 0));
            for (uint256 given = 0;; given++) {
                try arithmetic.execute(program, 0, t, opened) returns (uint256 found) {
                    trace[t] = found;
                    break;
                } catch (bytes memory reason) {
                    eq(uint32(bytes4(reason)), uint32(Words.MissingWord.selector), "only words are missing");
                    opened[given] = asked(reason, trace, t);
                }
            }
        }
        return trace[trace.length - 1];
    }

    function asked(bytes memory reason, uint256[] memory trace, uint256 t)
        private
        view
        returns (OpenedWord memory one)
    {
        // Over the selector: the arguments.
        assembly ("memory-safe") {
            let place := add(reason, 36)
            mstore(one, mload(place))
            mstore(add(one, 32), mload(add(place, 32)))
            mstore(add(one, 64), mload(add(place, 64)))
        }
        eq(one.traced && one.index >= t ? 1 : 0, 0, "no word of the future");
        if (one.traced) one.word = uint32(trace[one.index]);
        else one.word = one.operand == 0 ? uint32(run(U2F, one.index + 1, 0)) : uint32(ONE);
    }

    function test_the_trace_of_two_chains() public view {
        eq(replayed(matmul(514)), run(U2F, 514 * 515 / 2, 0), "two chains");
    }

    function test_the_trace_of_two_quantised_blocks() public view {
        eq(replayed(quantised(260)), run(U2F, 260 * 261 / 2, 0), "two blocks");
    }

    function test_short_traces() public view {
        eq(replayed(matmul(3)), run(U2F, 6, 0), "one chain");
        eq(replayed(matmul(0)), ZERO, "no position");
        eq(replayed(sum(45)), run(U2F, 45 * 46, 0), "lanes of one and two positions, doubled");
        eq(replayed(quantised(3)), run(U2F, 6, 0), "a quantised block");
        eq(replayed(quantised(0)), ZERO, "none");
    }

    function test_gathers_and_guards() public {
        OpenedWord[] memory opened = words(operand(1, 2, 9), operand(0, 23, 0xdeadbeef), operand(0, 25, 1));
        eq(arithmetic.execute(gather(), 2, 0, opened), 0xdeadbeed | 2, "table[5 + 2 * 9] | coordinate 2");
        opened[0].word = 10;
        eq(arithmetic.execute(gather(), 2, 0, opened), 7, "an index beyond the limit: the fill");
        opened[0].word = 0xffffffff;
        eq(arithmetic.execute(gather(), 2, 0, opened), 7, "a negative index");
        eq(arithmetic.execute(gather(), 3, 0, none()), 7, "behind the guard nothing is read");
        missing(false, 1, 1);
        arithmetic.execute(gather(), 1, 0, opened);
        opened[0].word = 0;
        missing(false, 0, 5);
        arithmetic.execute(gather(), 2, 0, opened);
    }

    function test_what_does_not_exist() public {
        vm.expectRevert(abi.encodeWithSelector(Machine.NoMicroStep.selector, 6, 0));
        arithmetic.execute(matmul(1300), 6, 0, none());
        vm.expectRevert(abi.encodeWithSelector(Machine.NoMicroStep.selector, 0, 1303));
        arithmetic.execute(matmul(1300), 0, 1303, none());
    }

    function test_every_cut_and_every_added_byte_is_refused() public {
        bytes memory whole = gather();
        for (uint256 size = 0; size < whole.length; size++) {
            bytes memory part = new bytes(size);
            for (uint256 i = 0; i < size; i++) {
                part[i] = whole[i];
            }
            vm.expectRevert(abi.encodeWithSelector(BadProgram.selector));
            arithmetic.traceLength(part);
        }
        vm.expectRevert(abi.encodeWithSelector(BadProgram.selector));
        arithmetic.traceLength(bytes.concat(whole, hex"00"));
    }

    function refusedWith(uint256 place, bytes1 value, bytes memory program) private {
        program[place] = value;
        vm.expectRevert(abi.encodeWithSelector(BadProgram.selector));
        arithmetic.execute(program, 0, 0, none());
    }

    function test_codes_and_counts_have_limits() public {
        refusedWith(0, 0x02, gather());
        refusedWith(1, 0x04, gather());
        refusedWith(2, 0x09, gather());
        // A loop without a step; an order that does not exist; too many loads.
        refusedWith(7, 0x01, gather());
        refusedWith(8, 0x04, gather());
        refusedWith(13, 0x21, gather());
        // From the end: no such axis, argument, load, block; a result that is not there yet.
        uint256 end = gather().length;
        refusedWith(end - 1, 0x01, gather());
        refusedWith(end - 2, 0x06, gather());
        refusedWith(end - 3, 0x02, gather());
        refusedWith(end - 4, 0x01, gather());
        refusedWith(end - 5, 0x1a, gather());
        refusedWith(end - 5, 0x00, gather());
    }

    function test_references_must_exist() public {
        // A load that is not there; one that goes through itself; an address below zero; a dimension of 2^31.
        refusedWith(70, 0x02, gather());
        refusedWith(43, 0x01, gather());
        refusedWith(22, 0x80, gather());
        refusedWith(6, 0x80, gather());
        // Only a join has a second operand.
        refusedWith(matmul(3).length - 6, 0x03, matmul(3));
    }

    function test_orders_take_what_they_take() public {
        // A map in a quantised order; a step in one; another init than +0; a chain without a step.
        refusedWith(8, 0x02, gather());
        refusedWith(16, 0x02, matmul(3));
        refusedWith(17, 0x01, quantised(3));
        refusedWith(16, 0x00, quantised(3));
    }

    /// @dev Whatever the bytes are: a typed error, in little gas.
    function testFuzz_noise_is_refused(bytes calldata noise, uint256 element, uint256 t) public view {
        try arithmetic.execute{gas: 100_000}(bytes.concat(hex"0100", noise), element, t, none()) {
            revert("noise was a program with a step that needs nothing");
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            bool typed = selector == BadProgram.selector || selector == Machine.NoMicroStep.selector;
            eq(typed ? 1 : 0, 1, "typed");
        }
    }
}
