// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Machine} from "../arith/Machine.sol";
import {OpenedWord} from "../arith/Words.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Nodes} from "./Nodes.sol";
import {Game, Store, Stores} from "./Store.sol";
import {Trees} from "./Trees.sol";

/// @title The last move: the chain computes the one building block in dispute
library Execution {
    /// @return The result of the building block in dispute, on words that agree with what the asserter has posted.
    function result(Store storage s, bytes32 gameId, Game memory g, IPinpoint.Evidence calldata evidence)
        external
        view
        returns (uint256)
    {
        if (keccak256(evidence.node) != s.nodes[gameId]) revert IPinpoint.WrongEvidence("node");
        Nodes.Parts memory parts = Nodes.read(evidence.node);
        OpenedWord[] memory words = openWords(s, gameId, g, evidence, parts);
        return Machine.execute(evidence.node[parts.programAt:], g.element, g.index, words);
    }

    function openWords(
        Store storage s,
        bytes32 gameId,
        Game memory g,
        IPinpoint.Evidence calldata evidence,
        Nodes.Parts memory parts
    ) private view returns (OpenedWord[] memory words) {
        bytes32 trace = Stores.rootOf(s, gameId, g, IPinpoint.Level.Trace);
        bytes32 values = Stores.rootOf(s, gameId, g, IPinpoint.Level.Values);
        bytes[][] calldata o = evidence.openings;
        words = new OpenedWord[](evidence.words.length);
        uint256 offset;
        for (uint256 i = 0; i < words.length; i++) {
            IPinpoint.WordRef calldata ref = evidence.words[i];
            if (offset + (ref.traced ? 1 : 2) > o.length) revert IPinpoint.WrongEvidence("openings");
            uint32 found;
            if (ref.traced) {
                found = Trees.openWord(trace, 4 * uint256(g.count), 4 * uint256(ref.index), o[offset++]);
            } else {
                bytes32 tensor =
                    Trees.openHash(values, g.values, Nodes.operand(evidence.node, parts, ref.operand), o[offset++]);
                found = Trees.openTensorWord(tensor, ref.index, o[offset++]);
            }
            words[i] = OpenedWord(ref.traced, ref.operand, ref.index, found);
        }
        if (offset != o.length) revert IPinpoint.WrongEvidence("openings");
    }
}
