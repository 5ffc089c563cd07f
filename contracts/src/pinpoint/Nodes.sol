// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {GraphFacts} from "./Facts.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Trees} from "./Trees.sol";

/// @title Nodes of a step graph in their canonical bytes (docs/spec/graph.md, Encoding)
library Nodes {
    uint256 private constant MAX_OPERANDS = 32;

    /// @param operands The numbers of the operands, little-endian u32 each.
    /// @param shape The type as tensor roots name it: dtype, rank, sizes.
    struct Parts {
        uint256 operandsAt;
        uint256 operands;
        uint256 typeAt;
        uint256 programAt;
    }

    /// @dev Checks that `node` is the node of value `value` in a graph.
    function check(GraphFacts memory graph, uint256 value, bytes calldata node, bytes[] calldata path) internal pure {
        uint256 index = 1 + value - graph.inputs;
        bytes32 leaf = Trees.openHash(graph.root, 1 + uint256(graph.nodes), index, path);
        if (Trees.rootOf(node) != leaf) revert IPinpoint.WrongEvidence("node");
    }

    function read(bytes calldata node) internal pure returns (Parts memory p) {
        uint256 offset = 1;
        offset += 4 + u32(node, offset);
        p.operands = u32(node, offset);
        p.operandsAt = offset + 4;
        if (p.operands > MAX_OPERANDS) revert IPinpoint.BadNode();
        p.typeAt = p.operandsAt + 4 * p.operands;
        if (p.typeAt + 2 > node.length) revert IPinpoint.BadNode();
        offset = p.typeAt + 2 + 4 * uint256(uint8(node[p.typeAt + 1]));
        p.programAt = offset + 4;
        if (p.programAt + u32(node, offset) != node.length) revert IPinpoint.BadNode();
    }

    /// @return The value that an operand names.
    function operand(bytes calldata node, Parts memory p, uint256 n) internal pure returns (uint256) {
        if (n >= p.operands) revert IPinpoint.OutOfRange(n);
        return u32(node, p.operandsAt + 4 * n);
    }

    /// @return The preimage of the tensor root of the node's value without the tree root.
    function header(bytes calldata node, Parts memory p) internal pure returns (bytes memory) {
        return bytes.concat(bytes1(0x02), node[p.typeAt:p.programAt - 4]);
    }

    /// @return elements_ Those of the node's value.
    function elements(bytes calldata node, Parts memory p) internal pure returns (uint256 elements_) {
        elements_ = 1;
        for (uint256 offset = p.typeAt + 2; offset < p.programAt - 4; offset += 4) {
            elements_ *= u32(node, offset);
            if (elements_ == 0 || elements_ >= 1 << 31) revert IPinpoint.BadNode();
        }
    }

    function u32(bytes calldata node, uint256 offset) private pure returns (uint256) {
        if (offset + 4 > node.length) revert IPinpoint.BadNode();
        return Trees.word(node, offset);
    }
}
