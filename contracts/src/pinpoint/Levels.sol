// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Machine} from "../arith/Machine.sol";
import {GraphFacts} from "./Facts.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Nodes} from "./Nodes.sol";
import {Schedule} from "./Schedule.sol";
import {Claim, Game, Store, Stores} from "./Store.sol";
import {Trees} from "./Trees.sol";

/// @title Where a choice leads that has reached an item or an export: to the list behind it, or to an end
library Levels {
    uint256 private constant F32 = 0;
    uint256 private constant I32 = 1;
    uint256 private constant U32 = 2;

    /// @param g The game; its node, and in word lists its word, is the chosen item.
    /// @return The game at its next level.
    function enter(Store storage s, bytes32 gameId, Game memory g, uint256 choice, IPinpoint.Evidence calldata evidence)
        external
        returns (Game memory)
    {
        if (g.level == IPinpoint.Level.Trace) {
            if (choice > g.count) revert IPinpoint.OutOfRange(choice);
            return end(g, choice < g.count ? IPinpoint.End.Block : IPinpoint.End.Stored, choice);
        }
        if (g.level == IPinpoint.Level.Results) {
            if (choice >= g.count) revert IPinpoint.OutOfRange(choice);
            return g.end == IPinpoint.End.Sum ? sum(Stores.claimOf(s, gameId), g, choice) : end(g, g.end, choice);
        }
        if (g.level == IPinpoint.Level.Words) return behindWord(s, gameId, g, choice, evidence);
        Schedule.Context memory c = Stores.context(s, gameId, evidence.entry, evidence.facts);
        if (g.level == IPinpoint.Level.Items) return behindItem(s, gameId, g, choice, c);
        Schedule.Item memory item = Schedule.itemAt(c, g.item);
        if (choice < g.count) return behindValue(s, gameId, g, choice, evidence, c, item);
        if (choice != g.count) revert IPinpoint.OutOfRange(choice);
        return results(g, IPinpoint.End.Export, s.anchors[gameId], Schedule.results(c, item));
    }

    /// @dev The asserter answers for what it has summed up or received. Who names a sum of others has nothing against the asserter.
    function sum(Claim storage claim, Game memory g, uint256 choice) private view returns (Game memory) {
        uint256 place = Schedule.placeOfSum(choice, claim.replica, claim.replicas);
        if (place == Schedule.NO_PLACE) g.winner = IPinpoint.Side.Asserter;
        else if (place % 2 == 1) return end(g, IPinpoint.End.Inbound, choice);
        return end(g, IPinpoint.End.Sum, choice);
    }

    function behindItem(Store storage s, bytes32 gameId, Game memory g, uint256 choice, Schedule.Context memory c)
        private
        returns (Game memory)
    {
        if (choice >= g.count) {
            uint256 n = choice - g.count;
            if (n == 0) return end(g, IPinpoint.End.RootAfter, choice);
            n -= Schedule.first(c);
            if (n == 0) return end(g, IPinpoint.End.RootBefore, choice);
            if (n == 1 && c.replicas > 1) {
                return results(g, IPinpoint.End.Sum, c.entry.lanesRoot, Schedule.sumCount(c));
            }
            if (n == 2) return results(g, IPinpoint.End.Metric, c.entry.metricsRoot, Schedule.steps(c));
            revert IPinpoint.OutOfRange(choice);
        }
        Schedule.Item memory item = Schedule.itemAt(c, choice);
        g.item = uint32(choice);
        // What was received follows from the sums that all entries of the slot claim.
        if (item.kind == Schedule.Kind.Inbound) {
            return results(g, IPinpoint.End.Sum, c.entry.lanesRoot, Schedule.sumCount(c));
        }
        GraphFacts memory graph = Schedule.graphOf(c, item);
        s.anchors[gameId] = g.node;
        return list(s, gameId, g, IPinpoint.Level.Values, uint256(graph.inputs) + graph.nodes);
    }

    function behindValue(
        Store storage s,
        bytes32 gameId,
        Game memory g,
        uint256 choice,
        IPinpoint.Evidence calldata evidence,
        Schedule.Context memory c,
        Schedule.Item memory item
    ) private returns (Game memory) {
        GraphFacts memory graph = Schedule.graphOf(c, item);
        g.value = uint32(choice);
        g.values = uint32(g.count);
        uint256 elements;
        if (choice < graph.inputs) {
            Schedule.Origin memory origin = Schedule.originOf(c, item, choice);
            if (origin.rule == Schedule.Rule.Leaf) return end(g, IPinpoint.End.Input, choice);
            bytes memory header;
            (header, elements) = formulaType(c, origin.rule);
            s.anchors[gameId] = sha256(header);
        } else {
            Nodes.check(graph, choice, evidence.node, evidence.nodePath);
            Nodes.Parts memory parts = Nodes.read(evidence.node);
            elements = Nodes.elements(evidence.node, parts);
            s.anchors[gameId] = sha256(Nodes.header(evidence.node, parts));
            s.nodes[gameId] = keccak256(evidence.node);
        }
        return list(s, gameId, g, IPinpoint.Level.Words, elements);
    }

    function behindWord(
        Store storage s,
        bytes32 gameId,
        Game memory g,
        uint256 choice,
        IPinpoint.Evidence calldata evidence
    ) private view returns (Game memory) {
        if (choice >= g.count) revert IPinpoint.OutOfRange(choice);
        g.element = uint32(choice);
        if (s.nodes[gameId] == 0) return end(g, IPinpoint.End.Word, choice);
        if (keccak256(evidence.node) != s.nodes[gameId]) revert IPinpoint.WrongEvidence("node");
        uint256 length = Machine.traceLength(evidence.node[Nodes.read(evidence.node).programAt:]);
        return list(s, gameId, g, IPinpoint.Level.Trace, length);
    }

    /// @return header The preimage of the tensor root of an input that is a formula, without the tree root.
    /// @return elements Their number.
    function formulaType(Schedule.Context memory c, Schedule.Rule rule)
        private
        pure
        returns (bytes memory header, uint256 elements)
    {
        if (rule == Schedule.Rule.Seed) return (bytes.concat(head(U32, 1), little(2)), 2);
        if (rule == Schedule.Rule.Step) return (head(U32, 0), 1);
        uint256 records = c.facts.batch / c.facts.microBatches;
        if (rule == Schedule.Rule.Position) return (bytes.concat(head(U32, 1), little(records)), records);
        uint256 dtype = c.facts.dataDtype == F32 ? F32 : I32;
        header = bytes.concat(head(dtype, 2), little(records), little(c.facts.recordLength));
        return (header, records * c.facts.recordLength);
    }

    function head(uint256 dtype, uint256 rank) private pure returns (bytes memory) {
        return abi.encodePacked(bytes1(0x02), uint8(dtype), uint8(rank));
    }

    function little(uint256 n) private pure returns (bytes4) {
        return bytes4(uint32(n >> 24 | (n >> 8 & 0xff00) | (n & 0xff00) << 8 | (n & 0xff) << 24));
    }

    /// @dev The game enters a list: at its root if the seat has posted that already, for another challenger.
    function list(Store storage s, bytes32 gameId, Game memory g, IPinpoint.Level level, uint256 count)
        private
        view
        returns (Game memory)
    {
        uint256 limit = level == IPinpoint.Level.Trace ? type(uint48).max : type(uint32).max;
        if (count == 0 || count > limit) revert IPinpoint.WrongEvidence("count");
        g.level = level;
        g.count = uint48(count);
        g.index = 0;
        bool leaves = level != IPinpoint.Level.Values;
        g.height = uint8(Trees.heightOf(leaves, leaves ? 4 * count : count));
        bytes32 root = Stores.rootOf(s, gameId, g, level);
        g.rooted = root != 0;
        // Until there is a root of words, the node is the tensor root that they must have.
        if (g.rooted || level != IPinpoint.Level.Words) g.node = root;
        g.turn = g.rooted ? IPinpoint.Side.Challenger : IPinpoint.Side.Asserter;
        return g;
    }

    /// @dev The hashes under a root that is committed to, which the asserter has to show. A root of one hash is that hash.
    function results(Game memory g, IPinpoint.End which, bytes32 root, uint256 count)
        private
        pure
        returns (Game memory)
    {
        g.node = root;
        g.count = uint48(count);
        if (count == 1) return end(g, which, 0);
        g.level = IPinpoint.Level.Results;
        g.end = which;
        g.index = 0;
        g.height = uint8(Trees.heightOf(false, count));
        g.turn = IPinpoint.Side.Asserter;
        return g;
    }

    /// @dev It is the asserter who has to show that its statement holds together.
    function end(Game memory g, IPinpoint.End which, uint256 choice) private pure returns (Game memory) {
        g.level = IPinpoint.Level.End;
        g.end = which;
        g.height = 0;
        g.index = uint48(choice);
        g.turn = IPinpoint.Side.Asserter;
        return g;
    }
}
