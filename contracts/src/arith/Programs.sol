// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @notice Thrown when bytes are not those of an element program, or a micro-step uses what its program does not have.
error BadProgram();

/// @notice A tensor shape in the bytes of a program.
/// @param start Where its dimensions stand: a position in calldata.
/// @param elements Their product; 1 without any.
struct Shape {
    uint256 start;
    uint256 rank;
    uint256 elements;
}

/// @notice A straight program: `length` blocks from `start`.
struct Straight {
    uint256 start;
    uint256 length;
}

/// @notice The parts of an element program and where they stand in its bytes.
/// @param loads Where each load starts.
struct Program {
    uint256 dtype;
    Shape out;
    Shape loop;
    uint256 order;
    uint256 init;
    uint256[] loads;
    Straight step;
    Straight join;
    Straight finish;
}

/// @title The bytes of element programs (docs/spec/arithmetic.md, Encoding)
/// @dev `parse` walks over all bytes once and compares where it ended with where they end: until then it may have read
/// what follows them in calldata, but no count, so no loop, is longer than its limit. References to loads, axes and
/// results are for whoever follows them to check.
library Programs {
    uint256 internal constant F32 = 0;
    uint256 internal constant CHAIN512 = 0;
    uint256 internal constant LANES32 = 1;
    uint256 internal constant Q16 = 2;

    uint256 private constant VERSION = 1;
    uint256 private constant DTYPES = 4;
    uint256 private constant ORDERS = 4;
    uint256 private constant MAX_RANK = 8;
    uint256 private constant MAX_LOADS = 32;
    uint256 private constant MAX_GUARDS = 8;
    uint256 private constant MAX_STRAIGHT = 64;
    uint256 private constant MAX_INT = 0x7fffffff;

    /// @dev Blocks that a straight program may hold, and how many arguments each takes: 2 bits a code.
    uint256 private constant BLOCKS = 25;
    uint256 private constant ARITIES = 0x55eaaaaaab6a8;
    /// @dev Codes of arguments, and bytes that each takes: 8 bits a code.
    uint256 internal constant LOAD = 0;
    uint256 internal constant INSTR = 1;
    uint256 internal constant ACC = 2;
    uint256 internal constant OTHER = 3;
    uint256 internal constant AXIS = 4;
    uint256 internal constant CONST = 5;
    uint256 private constant SIZES = 0x050201010202;

    /// @return p The parts of the program.
    function parse(bytes calldata program) internal pure returns (Program memory p) {
        unchecked {
            uint256 cursor;
            assembly ("memory-safe") {
                cursor := program.offset
            }
            uint256 end = cursor + program.length;
            if (u8(cursor) != VERSION) revert BadProgram();
            p.dtype = below(u8(cursor + 1), DTYPES);
            cursor = shape(p.out, cursor + 2);
            cursor = shape(p.loop, cursor);
            p.order = below(u8(cursor), ORDERS);
            p.init = u32(cursor + 1);
            uint256 count = below(u8(cursor + 5), MAX_LOADS + 1);
            cursor += 6;
            p.loads = new uint256[](count);
            uint256 affine = 4 * (1 + p.out.rank + p.loop.rank);
            for (uint256 i = 0; i < count; i++) {
                p.loads[i] = cursor;
                cursor = afterLoad(cursor, affine);
            }
            cursor = straight(p.step, cursor);
            cursor = straight(p.join, cursor);
            cursor = straight(p.finish, cursor);
            if (cursor != end) revert BadProgram();
            checkOrder(p);
        }
    }

    /// @return Whether the program contracts in a quantised order.
    function isQuantised(Program memory p) internal pure returns (bool) {
        return p.order >= Q16;
    }

    /// @return The positions of the loop; 0 without one.
    function positions(Program memory p) internal pure returns (uint256) {
        return p.loop.rank == 0 ? 0 : p.loop.elements;
    }

    /// @return code That of block `index` of a straight program.
    /// @return cursor Where its arguments start.
    function instruction(Straight memory s, uint256 index) internal pure returns (uint256 code, uint256 cursor) {
        unchecked {
            cursor = s.start;
            for (uint256 i = 0; i < index; i++) {
                cursor = afterBlock(cursor);
            }
            return (u8(cursor), cursor + 1);
        }
    }

    /// @return The number of arguments of a block.
    function arity(uint256 code) internal pure returns (uint256) {
        return ARITIES >> (2 * code) & 3;
    }

    /// @return The bytes of an argument.
    function sizeOf(uint256 argument) internal pure returns (uint256) {
        return SIZES >> (8 * argument) & 0xff;
    }

    /// @return dims The dimensions of a shape.
    function dimensions(Shape memory s) internal pure returns (uint32[] memory dims) {
        unchecked {
            dims = new uint32[](s.rank);
            for (uint256 i = 0; i < dims.length; i++) {
                dims[i] = uint32(u32(s.start + 4 * i));
            }
        }
    }

    // ---------------------------------------------------------------- bytes

    function u8(uint256 cursor) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(248, calldataload(cursor))
        }
    }

    /// @dev Little-endian, like all of the encoding.
    function u32(uint256 cursor) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            let word := calldataload(cursor)
            value := or(or(byte(0, word), shl(8, byte(1, word))), or(shl(16, byte(2, word)), shl(24, byte(3, word))))
        }
    }

    function i32(uint256 cursor) internal pure returns (int256) {
        return int32(uint32(u32(cursor)));
    }

    // ---------------------------------------------------------------- parts

    function below(uint256 value, uint256 limit) private pure returns (uint256) {
        if (value >= limit) revert BadProgram();
        return value;
    }

    function shape(Shape memory s, uint256 cursor) private pure returns (uint256) {
        unchecked {
            uint256 rank = below(u8(cursor), MAX_RANK + 1);
            cursor++;
            (s.start, s.rank) = (cursor, rank);
            uint256 product = 1;
            // Dimensions of 0 must not hide an overflow of the others.
            uint256 others = 1;
            for (uint256 i = 0; i < rank; i++) {
                uint256 dim = u32(cursor + 4 * i);
                product *= dim;
                if (dim != 0) others *= dim;
                if (others > MAX_INT) revert BadProgram();
            }
            s.elements = product;
            return cursor + 4 * rank;
        }
    }

    /// @param affine The bytes of a base and its strides.
    function afterLoad(uint256 cursor, uint256 affine) private pure returns (uint256) {
        unchecked {
            cursor += 5 + affine;
            cursor += below(u8(cursor), 2) == 0 ? 1 : 10;
            return cursor + 1 + below(u8(cursor), MAX_GUARDS + 1) * (affine + 4);
        }
    }

    function straight(Straight memory s, uint256 cursor) private pure returns (uint256) {
        unchecked {
            uint256 length = below(u8(cursor), MAX_STRAIGHT + 1);
            cursor++;
            (s.start, s.length) = (cursor, length);
            for (uint256 i = 0; i < length; i++) {
                cursor = afterBlock(cursor);
            }
            return cursor;
        }
    }

    function afterBlock(uint256 cursor) private pure returns (uint256) {
        unchecked {
            uint256 left = u8(cursor);
            if (left - 1 >= BLOCKS) revert BadProgram();
            left = arity(left);
            cursor++;
            for (; left > 0; left--) {
                uint256 size = sizeOf(u8(cursor));
                if (size == 0) revert BadProgram();
                cursor += size;
            }
            return cursor;
        }
    }

    function checkOrder(Program memory p) private pure {
        bool loops = p.loop.rank > 0;
        (bool steps, bool joins) = (p.step.length > 0, p.join.length > 0);
        if (isQuantised(p)) {
            if (!loops || p.loads.length < 2 || p.init != 0 || steps || joins) revert BadProgram();
        } else if (loops != steps || loops != joins) {
            revert BadProgram();
        }
    }
}
