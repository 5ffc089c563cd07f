// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Blocks} from "./Blocks.sol";
import {OpenedWord, Scope, Words} from "./Words.sol";
import {BadProgram, Program, Programs, Straight} from "./Programs.sol";
import {QuantisedTraces} from "./QuantisedTraces.sol";
import {MicroStep, Source, Sources} from "./Sources.sol";
import {Layout, Run, Traces} from "./Traces.sol";

/// @title The scalar machine: one micro-step of an element program (docs/spec/arithmetic.md, Traces)
/// @dev The work follows from the length of the program's bytes; that of the trace does not matter.
library Machine {
    /// @notice Thrown when the output has no such element, or its trace no such word.
    error NoMicroStep(uint256 element, uint256 t);

    uint256 private constant CANON = 25;
    uint256 private constant Q16_BOUND = 32_639;
    uint256 private constant Q24_BOUND = 5_931_641;

    /// @return The number of words in the trace of each output element.
    function traceLength(bytes calldata program) internal pure returns (uint256) {
        return Traces.layoutOf(Programs.parse(program)).length;
    }

    /// @return dtype 0 f32, 1 i32, 2 u32, 3 bool
    /// @return dims The shape of the output.
    /// @return elements The number of its elements.
    function outputType(bytes calldata program)
        internal
        pure
        returns (uint8 dtype, uint32[] memory dims, uint256 elements)
    {
        Program memory p = Programs.parse(program);
        return (uint8(p.dtype), Programs.dimensions(p.out), p.out.elements);
    }

    /// @notice Executes micro-step `t` of the trace of output element `element`.
    /// @param opened The words that it needs, in any order; others may be among them.
    /// @return word Word `t` of the trace.
    function execute(bytes calldata program, uint256 element, uint256 t, OpenedWord[] memory opened)
        internal
        pure
        returns (uint256 word)
    {
        Program memory p = Programs.parse(program);
        MicroStep memory step = microStep(p, element, t);
        Scope memory scope = Scope(p, step.coordinates, opened);
        uint256 a = Words.read(scope, step.a);
        uint256 b = Words.read(scope, step.b);
        uint256 c = Words.read(scope, step.c);
        return Blocks.evaluate(step.code, a, b, c);
    }

    /// @dev The block whose result is word t of the trace of an element, with its arguments named.
    function microStep(Program memory p, uint256 element, uint256 t) private pure returns (MicroStep memory step) {
        Layout memory l = Traces.layoutOf(p);
        if (element >= p.out.elements || t >= l.length) revert NoMicroStep(element, t);
        if (Programs.isQuantised(p) && t < l.finish) {
            uint256 position;
            uint256 bound = p.order == Programs.Q16 ? Q16_BOUND : Q24_BOUND;
            (step, position) = QuantisedTraces.stepAt(bound, Programs.positions(p), t);
            step.coordinates = Words.coordinates(p, element, position);
            return step;
        }
        Run memory run = Traces.runAt(p, l, t);
        if (run.part == Traces.CANON) {
            (step.code, step.a) = (CANON, run.acc);
            return step;
        }
        if (run.part == Traces.STEP) {
            step.coordinates = Words.coordinates(p, element, run.position);
            instruction(step, p.step, run, t, step.coordinates.length);
        } else if (run.part == Traces.JOIN) {
            instruction(step, p.join, run, t, 0);
        } else {
            step.coordinates = Words.coordinates(p, element, 0);
            instruction(step, p.finish, run, t, p.out.rank);
        }
    }

    /// @dev Block t - start of a run.
    /// @param axes how many coordinates its arguments may name
    function instruction(MicroStep memory step, Straight memory straight, Run memory run, uint256 t, uint256 axes)
        private
        pure
    {
        unchecked {
            uint256 cursor;
            (step.code, cursor) = Programs.instruction(straight, t - run.start);
            uint256 arity = Programs.arity(step.code);
            (step.a, cursor) = argument(step, run, t, axes, cursor);
            if (arity > 1) (step.b, cursor) = argument(step, run, t, axes, cursor);
            if (arity > 2) (step.c, cursor) = argument(step, run, t, axes, cursor);
        }
    }

    /// @param cursor where the argument stands
    /// @return source What it stands for.
    /// @return next Where the next one would.
    function argument(MicroStep memory step, Run memory run, uint256 t, uint256 axes, uint256 cursor)
        private
        pure
        returns (Source source, uint256 next)
    {
        unchecked {
            uint256 from = Programs.u8(cursor);
            uint256 n = Programs.u8(cursor + 1);
            next = cursor + Programs.sizeOf(from);
            if (from == Programs.LOAD) {
                source = Sources.loaded(n);
            } else if (from == Programs.INSTR) {
                source = Sources.traced(run.start + n);
                if (run.start + n >= t) revert BadProgram();
            } else if (from == Programs.ACC) {
                source = run.acc;
            } else if (from == Programs.OTHER) {
                source = run.other;
                if (run.part != Traces.JOIN) revert BadProgram();
            } else if (from == Programs.AXIS) {
                if (n >= axes) revert BadProgram();
                source = Sources.constant_(step.coordinates[n]);
            } else {
                source = Sources.constant_(Programs.u32(cursor + 1));
            }
        }
    }
}
