// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IPinpoint} from "./IPinpoint.sol";

/// @title Ways down committed trees (docs/spec/protocol.md, Hashes)
/// @dev A tree is one over hashes (`leaves` false, `size` hashes) or that of a byte string (`leaves` true, `size` bytes). How many
/// levels it has and how large each preimage is follows from that alone, so no opening costs more than an honest one.
library Trees {
    uint256 private constant LEAF_BYTES = 1024;
    uint256 private constant LEAF_WORDS = 256;
    uint256 private constant ARITY = 16;

    /// @dev A tree and the node in it that a descent has reached; height 0 are leaves, or the hashes of the list.
    struct Node {
        bool leaves;
        uint256 size;
        bytes32 hash;
        uint256 height;
        uint256 index;
    }

    /// @return The number of nodes at height 0.
    function bottom(bool leaves, uint256 size) internal pure returns (uint256) {
        if (!leaves) return size;
        return size == 0 ? 1 : (size + LEAF_BYTES - 1) / LEAF_BYTES;
    }

    /// @return height Levels above height 0.
    function heightOf(bool leaves, uint256 size) internal pure returns (uint256 height) {
        for (uint256 width = bottom(leaves, size); width > 1; width = (width + ARITY - 1) / ARITY) {
            height++;
        }
    }

    function root(bool leaves, uint256 size, bytes32 digest) internal pure returns (Node memory) {
        return Node(leaves, size, digest, heightOf(leaves, size), 0);
    }

    /// @return The bytes of the preimage of a node: its children, its leaf; of a hash of the list itself.
    function sizeOf(Node memory n) private pure returns (uint256) {
        if (n.height == 0) {
            if (!n.leaves) return 32;
            uint256 left = n.size - n.index * LEAF_BYTES;
            return left < LEAF_BYTES ? left : LEAF_BYTES;
        }
        uint256 shift = 4 * (n.height - 1);
        uint256 width = (bottom(n.leaves, n.size) + 2 ** shift - 1) >> shift;
        uint256 children = width - n.index * ARITY;
        return 32 * (children < ARITY ? children : ARITY);
    }

    /// @return The hash of the node at n's place that has this preimage.
    function hash(Node memory n, bytes calldata data) internal pure returns (bytes32) {
        uint256 expected = sizeOf(n);
        if (data.length != expected) revert IPinpoint.WrongSize(expected, data.length);
        if (n.height > 0) return sha256(abi.encodePacked(bytes1(0x01), data));
        return n.leaves ? leafHash(data) : bytes32(data);
    }

    function leafHash(bytes calldata data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), data));
    }

    /// @dev Goes from n towards `target` of height 0, one level for each preimage from `path[from]` on.
    /// @return leaf The last preimage if it is a leaf; empty otherwise.
    function descend(Node memory n, uint256 target, bytes[] calldata path, uint256 from)
        internal
        pure
        returns (bytes calldata leaf)
    {
        uint256 levels = from + n.height + (n.leaves ? 1 : 0);
        if (path.length > levels) revert IPinpoint.WrongDepth(levels, path.length);
        if (target >= bottom(n.leaves, n.size) || target >> (4 * n.height) != n.index) {
            revert IPinpoint.OutOfRange(target);
        }
        leaf = msg.data[0:0];
        for (uint256 i = from; i < path.length; i++) {
            bytes calldata data = path[i];
            if (hash(n, data) != n.hash) revert IPinpoint.WrongPreimage(n.height, n.index);
            if (n.height == 0) return data;
            n.height--;
            n.index = target >> (4 * n.height);
            uint256 offset = 32 * (n.index % ARITY);
            n.hash = bytes32(data[offset:offset + 32]);
        }
    }

    /// @return Hash `index` of the list of `count` hashes under a root.
    function openHash(bytes32 rootHash, uint256 count, uint256 index, bytes[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        Node memory n = root(false, count, rootHash);
        if (path.length != n.height) revert IPinpoint.WrongDepth(n.height, path.length);
        descend(n, index, path, 0);
        return n.hash;
    }

    /// @return The leaf with byte `at` of the byte string of `size` bytes under a root.
    function openLeaf(bytes32 rootHash, uint256 size, uint256 offset, bytes[] calldata path, uint256 from)
        internal
        pure
        returns (bytes calldata)
    {
        Node memory n = root(true, size, rootHash);
        uint256 levels = from + n.height + 1;
        if (path.length != levels) revert IPinpoint.WrongDepth(levels, path.length);
        return descend(n, offset / LEAF_BYTES, path, from);
    }

    /// @return The word at byte `at`, a multiple of 4, of the byte string of `size` bytes under a root.
    function openWord(bytes32 rootHash, uint256 size, uint256 offset, bytes[] calldata path)
        internal
        pure
        returns (uint32)
    {
        return openWordFrom(rootHash, size, offset, path, 0);
    }

    /// @param from The number of the opening's first preimage of this tree.
    function openWordFrom(bytes32 rootHash, uint256 size, uint256 offset, bytes[] calldata path, uint256 from)
        private
        pure
        returns (uint32)
    {
        if (offset + 4 > size) revert IPinpoint.OutOfRange(offset);
        return word(openLeaf(rootHash, size, offset, path, from), offset % LEAF_BYTES);
    }

    /// @return The word of the tensor with that root; the root's preimage comes first in the opening.
    function openTensorWord(bytes32 tensorRoot, uint256 index, bytes[] calldata path) internal pure returns (uint32) {
        if (path.length == 0) revert IPinpoint.WrongDepth(1, 0);
        bytes calldata preimage = path[0];
        if (preimage.length < 35 || sha256(preimage) != tensorRoot) revert IPinpoint.WrongPreimage(0, 0);
        uint256 end = preimage.length - 32;
        uint256 size = 4 * elementsOf(preimage[0:end]);
        return openWordFrom(bytes32(preimage[end:]), size, 4 * index, path, 1);
    }

    /// @return elements Their number in a tensor whose root's preimage begins so.
    function elementsOf(bytes calldata header) internal pure returns (uint256 elements) {
        uint256 rank = header.length < 3 ? 9 : uint8(header[2]);
        bool known = rank <= 8 && header.length == 3 + 4 * rank && header[0] == 0x02 && uint8(header[1]) < 4;
        if (!known) revert IPinpoint.WrongEvidence("header");
        elements = 1;
        for (uint256 i = 3; i < header.length; i += 4) {
            elements *= word(header, i);
        }
        if (elements == 0 || elements >= 1 << 31) revert IPinpoint.WrongEvidence("header");
    }

    /// @return The number of the leaf that holds a word.
    function leafOf(uint256 wordIndex) internal pure returns (uint256) {
        return wordIndex / LEAF_WORDS;
    }

    /// @return Where a word stands in its leaf.
    function placeOf(uint256 wordIndex) internal pure returns (uint256) {
        return 4 * (wordIndex % LEAF_WORDS);
    }

    /// @return The little-endian word at a byte.
    function word(bytes calldata data, uint256 offset) internal pure returns (uint32) {
        uint256 big = uint32(bytes4(data[offset:offset + 4]));
        return uint32(big >> 24 | (big >> 8 & 0xff00) | (big & 0xff00) << 8 | (big & 0xff) << 24);
    }

    /// @return The root of a byte string.
    function rootOf(bytes calldata data) internal pure returns (bytes32) {
        bytes32[] memory row = new bytes32[](bottom(true, data.length));
        for (uint256 i = 0; i < row.length; i++) {
            uint256 end = (i + 1) * LEAF_BYTES;
            row[i] = leafHash(data[i * LEAF_BYTES:end < data.length ? end : data.length]);
        }
        return rootOver(row);
    }

    /// @return The root of the tree over hashes, which are overwritten.
    function rootOver(bytes32[] memory row) internal pure returns (bytes32) {
        if (row.length == 0) return sha256(hex"00");
        for (uint256 width = row.length; width > 1; width = (width + ARITY - 1) / ARITY) {
            for (uint256 i = 0; i * ARITY < width; i++) {
                bytes memory children = hex"01";
                for (uint256 c = i * ARITY; c < width && c < (i + 1) * ARITY; c++) {
                    children = bytes.concat(children, row[c]);
                }
                row[i] = sha256(children);
            }
        }
        return row[0];
    }
}
