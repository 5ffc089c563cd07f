// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @notice A word that the caller has authenticated against the asserter's commitments.
/// @param traced Whether it is word `index` of the element's trace; else it is word `index` of operand `operand`.
struct OpenedWord {
    bool traced;
    uint8 operand;
    uint64 index;
    uint32 word;
}

/// @title The scalar machine: one micro-step of an element program (docs/spec/arithmetic.md, Traces)
library Machine {
    /// @notice Thrown when the bytes are not those of a program, or the micro-step uses what the program does not have.
    error BadProgram();
    /// @notice Thrown when the output has no such element, or its trace no such word.
    error NoMicroStep(uint256 element, uint256 t);
    /// @notice Thrown when the micro-step needs a word that is not among the opened ones.
    error MissingWord(bool traced, uint8 operand, uint64 index);

    /// @return The number of words in the trace of each output element.
    function traceLength(bytes calldata program) internal pure returns (uint256) {
        program;
        revert BadProgram();
    }

    /// @return dtype 0 f32, 1 i32, 2 u32, 3 bool
    /// @return dims The shape of the output.
    /// @return elements The number of its elements.
    function outputType(bytes calldata program)
        internal
        pure
        returns (uint8 dtype, uint32[] memory dims, uint256 elements)
    {
        program;
        dtype;
        dims;
        elements;
        revert BadProgram();
    }

    /// @notice Executes micro-step `t` of the trace of output element `element`.
    /// @param opened The words that it needs, in any order; others may be among them.
    /// @return word Word `t` of the trace.
    function execute(bytes calldata program, uint256 element, uint256 t, OpenedWord[] memory opened)
        internal
        pure
        returns (uint256 word)
    {
        program;
        opened;
        word;
        revert NoMicroStep(element, t);
    }
}
