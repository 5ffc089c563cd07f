// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BadProgram, Program, Programs, Shape} from "./Programs.sol";
import {Source, Sources} from "./Sources.sol";

/// @notice A word that the caller has authenticated against the asserter's commitments.
/// @param traced Whether it is word `index` of the element's trace; else it is word `index` of operand `operand`.
struct OpenedWord {
    bool traced;
    uint8 operand;
    uint64 index;
    uint32 word;
}

/// @notice What the arguments of a micro-step may need.
/// @param coordinates Output axes, then loop axes; empty where there are no loads.
struct Scope {
    Program program;
    uint256[] coordinates;
    OpenedWord[] opened;
}

/// @title How words come from a trace and from operands (docs/spec/arithmetic.md, Element programs)
library Words {
    /// @notice Thrown when a micro-step needs a word that is not among the opened ones.
    error MissingWord(bool traced, uint8 operand, uint64 index);

    /// @dev Every tensor has fewer elements.
    int256 private constant MAX_ELEMENTS = 1 << 31;

    function read(Scope memory s, Source source) internal pure returns (uint256) {
        uint256 value = Sources.value(source);
        if (Sources.isTraced(source)) return find(s, true, 0, value);
        return Sources.isLoaded(source) ? load(s, value) : value;
    }

    /// @return x Those of an output element and a loop position, both row-major; zeros for a loop without positions.
    function coordinates(Program memory p, uint256 element, uint256 position)
        internal
        pure
        returns (uint256[] memory x)
    {
        unchecked {
            x = new uint256[](p.out.rank + p.loop.rank);
            unflatten(x, 0, p.out, element);
            unflatten(x, p.out.rank, p.loop, position);
        }
    }

    /// @dev Dimensions are multiplied again until the index is used up, so that none of 0 is divided by.
    function unflatten(uint256[] memory x, uint256 from, Shape memory shape, uint256 index) private pure {
        unchecked {
            for (uint256 axis = shape.rank; axis > 0 && index > 0; axis--) {
                uint256 dim = Programs.u32(shape.start + 4 * (axis - 1));
                x[from + axis - 1] = index % dim;
                index /= dim;
            }
        }
    }

    /// @dev The word that load n brings: guards first, then the gather, then the operand.
    function load(Scope memory s, uint256 n) private pure returns (uint256) {
        unchecked {
            // Joins have no coordinates, hence no loads.
            uint256 axes = s.program.out.rank + s.program.loop.rank;
            if (n >= s.program.loads.length || s.coordinates.length != axes) revert BadProgram();
            uint256 start = s.program.loads[n];
            uint256 fill = Programs.u32(start + 1);
            uint256 cursor = start + 9 + 4 * axes;
            bool gathers = Programs.u8(cursor) == 1;
            if (outside(s, gathers ? cursor + 10 : cursor + 1)) return fill;
            int256 element = affine(s, start + 5);
            if (gathers) {
                uint256 through = Programs.u8(cursor + 1);
                if (through >= n) revert BadProgram();
                int256 index = int32(uint32(load(s, through)));
                if (index < 0 || index >= Programs.i32(cursor + 6)) return fill;
                element += Programs.i32(cursor + 2) * index;
            }
            if (element < 0 || element >= MAX_ELEMENTS) revert BadProgram();
            return find(s, false, Programs.u8(start), uint256(element));
        }
    }

    /// @dev Whether one of the guards from `cursor` fails.
    function outside(Scope memory s, uint256 cursor) private pure returns (bool) {
        unchecked {
            uint256 count = Programs.u8(cursor);
            cursor++;
            uint256 size = 4 * (1 + s.coordinates.length);
            for (; count > 0; count--) {
                int256 value = affine(s, cursor);
                if (value < 0 || value >= Programs.i32(cursor + size)) return true;
                cursor += size + 4;
            }
            return false;
        }
    }

    /// @dev base + sum(strides[i] * coordinate[i]); below 2^67 in magnitude.
    function affine(Scope memory s, uint256 cursor) private pure returns (int256 value) {
        unchecked {
            value = Programs.i32(cursor);
            uint256[] memory x = s.coordinates;
            uint256 coordinate;
            uint256 end;
            assembly ("memory-safe") {
                coordinate := add(x, 32)
                end := add(coordinate, shl(5, mload(x)))
            }
            // Without checks of bounds: it is what a micro-step spends most on.
            for (; coordinate < end; coordinate += 32) {
                cursor += 4;
                int256 factor;
                assembly ("memory-safe") {
                    factor := mload(coordinate)
                }
                if (factor != 0) value += Programs.i32(cursor) * factor;
            }
        }
    }

    function find(Scope memory s, bool traced, uint256 operand, uint256 index) private pure returns (uint256) {
        unchecked {
            OpenedWord[] memory opened = s.opened;
            for (uint256 i = 0; i < opened.length; i++) {
                OpenedWord memory one = opened[i];
                if (one.index == index && one.traced == traced && (traced || one.operand == operand)) return one.word;
            }
            revert MissingWord(traced, uint8(operand), uint64(index));
        }
    }
}
