// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @dev Trees of any size, over lists that are uniform but for a few items: over hashes, or of the bytes of little-endian words.
library Forest {
    struct Tree {
        bool leaves;
        uint256 count; // hashes, or words
        bytes32 base; //   the item that all are but for `odd`; a word in its last bytes
        uint256[] places;
        bytes32[] odd;
    }

    function uniform(bool leaves, uint256 count, bytes32 base) internal pure returns (Tree memory t) {
        (t.leaves, t.count, t.base) = (leaves, count, base);
    }

    function list(bytes32[] memory items) internal pure returns (Tree memory t) {
        (t.count, t.odd, t.places) = (items.length, items, new uint256[](items.length));
        for (uint256 i = 0; i < items.length; i++) {
            t.places[i] = i;
        }
    }

    /// @dev A copy in which one item is another.
    function with(Tree memory t, uint256 place, bytes32 item) internal pure returns (Tree memory u) {
        u = uniform(t.leaves, t.count, t.base);
        u.places = new uint256[](t.places.length + 1);
        u.odd = new bytes32[](t.places.length + 1);
        for (uint256 i = 0; i < t.places.length; i++) {
            (u.places[i], u.odd[i]) = (t.places[i], t.odd[i]);
        }
        (u.places[t.places.length], u.odd[t.places.length]) = (place, item);
    }

    /// @dev The last change of an item counts.
    function at(Tree memory t, uint256 place) internal pure returns (bytes32) {
        for (uint256 i = t.places.length; i > 0; i--) {
            if (t.places[i - 1] == place) return t.odd[i - 1];
        }
        return t.base;
    }

    function bottom(Tree memory t) internal pure returns (uint256) {
        return t.leaves ? (t.count + 255) / 256 : t.count;
    }

    function height(Tree memory t) internal pure returns (uint256 h) {
        for (uint256 width = bottom(t); width > 1; width = (width + 15) / 16) {
            h++;
        }
    }

    function root(Tree memory t) internal pure returns (bytes32) {
        return hash(t, height(t), 0);
    }

    /// @dev Number of the node of height 0 that an item is, or is in.
    function placeOf(Tree memory t, uint256 item) internal pure returns (uint256) {
        return t.leaves ? item / 256 : item;
    }

    function plain(Tree memory t, uint256 h, uint256 i) private pure returns (bool) {
        if ((i + 1) << (4 * h) > (t.leaves ? t.count / 256 : t.count)) return false;
        for (uint256 k = 0; k < t.places.length; k++) {
            if (placeOf(t, t.places[k]) >> (4 * h) == i) return false;
        }
        return true;
    }

    function hash(Tree memory t, uint256 h, uint256 i) internal pure returns (bytes32) {
        if (!plain(t, h, i)) return digest(t, h, preimage(t, h, i));
        bytes32 value = t.leaves ? digest(t, 0, repeated(little(t.base), 256)) : t.base;
        for (uint256 k = 0; k < h; k++) {
            value = sha256(bytes.concat(bytes1(0x01), repeated(abi.encode(value), 16)));
        }
        return value;
    }

    function digest(Tree memory t, uint256 h, bytes memory data) private pure returns (bytes32) {
        if (h > 0) return sha256(bytes.concat(bytes1(0x01), data));
        return t.leaves ? sha256(bytes.concat(bytes1(0x00), data)) : bytes32(data);
    }

    function preimage(Tree memory t, uint256 h, uint256 i) internal pure returns (bytes memory data) {
        if (h == 0) return t.leaves ? leaf(t, i) : abi.encode(at(t, i));
        uint256 width = (bottom(t) + (1 << (4 * (h - 1))) - 1) >> (4 * (h - 1));
        for (uint256 c = 16 * i; c < 16 * i + 16 && c < width; c++) {
            data = bytes.concat(data, hash(t, h - 1, c));
        }
    }

    function leaf(Tree memory t, uint256 i) private pure returns (bytes memory data) {
        uint256 words = t.count - 256 * i;
        data = repeated(little(t.base), words < 256 ? words : 256);
        for (uint256 k = 0; k < t.places.length; k++) {
            if (t.places[k] / 256 != i) continue;
            bytes memory word = little(t.odd[k]);
            for (uint256 b = 0; b < 4; b++) {
                data[4 * (t.places[k] % 256) + b] = word[b];
            }
        }
    }

    function repeated(bytes memory one, uint256 times) private pure returns (bytes memory all) {
        all = new bytes(one.length * times);
        for (uint256 i = 0; i < all.length; i += one.length) {
            assembly {
                mcopy(add(add(all, 32), i), add(one, 32), mload(one))
            }
        }
    }

    function little(bytes32 word) internal pure returns (bytes memory) {
        uint256 w = uint256(word);
        return abi.encodePacked(uint8(w), uint8(w >> 8), uint8(w >> 16), uint8(w >> 24));
    }

    /// @dev Preimages from node i of height h towards an item, at most `levels` of them.
    function path(Tree memory t, uint256 h, uint256 item, uint256 levels) internal pure returns (bytes[] memory p) {
        uint256 all = h + (t.leaves ? 1 : 0);
        p = new bytes[](levels < all ? levels : all);
        for (uint256 k = 0; k < p.length; k++) {
            p[k] = preimage(t, h - k, placeOf(t, item) >> (4 * (h - k)));
        }
    }

    function open(Tree memory t, uint256 item) internal pure returns (bytes[] memory) {
        return path(t, height(t), item, type(uint256).max);
    }

    /// @dev The preimage of a tensor root without the tree root: i32 of one or no axis.
    function header(uint8 dtype, uint256[] memory shape) internal pure returns (bytes memory h) {
        h = abi.encodePacked(bytes1(0x02), dtype, uint8(shape.length));
        for (uint256 i = 0; i < shape.length; i++) {
            h = bytes.concat(h, little(bytes32(shape[i])));
        }
    }

    function tensorRoot(bytes memory header_, Tree memory words) internal pure returns (bytes32) {
        return sha256(bytes.concat(header_, root(words)));
    }

    /// @dev An opening that begins with the tensor root's preimage.
    function openTensor(bytes memory header_, Tree memory words, uint256 index)
        internal
        pure
        returns (bytes[] memory p)
    {
        bytes[] memory rest = open(words, index);
        p = new bytes[](rest.length + 1);
        p[0] = bytes.concat(header_, root(words));
        for (uint256 i = 0; i < rest.length; i++) {
            p[i + 1] = rest[i];
        }
    }

    function bytesRoot(bytes memory data) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](data.length == 0 ? 1 : (data.length + 1023) / 1024);
        for (uint256 i = 0; i < hashes.length; i++) {
            uint256 size = data.length - 1024 * i;
            bytes memory part = new bytes(size < 1024 ? size : 1024);
            for (uint256 k = 0; k < part.length; k++) {
                part[k] = data[1024 * i + k];
            }
            hashes[i] = sha256(bytes.concat(bytes1(0x00), part));
        }
        return root(list(hashes));
    }
}
