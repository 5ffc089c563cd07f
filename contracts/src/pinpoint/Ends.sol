// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Execution} from "./Execution.sol";
import {GraphFacts} from "./Facts.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Records} from "./Records.sol";
import {Schedule} from "./Schedule.sol";
import {Claim, Game, Store, Stores} from "./Store.sol";
import {Trees} from "./Trees.sol";

/// @title What each end of a game compares, after its openings were checked (docs/spec/pinpoint.md, Evidence)
library Ends {
    uint256 private constant U8 = 4;

    /// @dev Inconsistent openings revert: they show nothing about either player.
    /// @return left The first of the two things that must be equal; words as integers.
    /// @return right The second.
    function compare(Store storage s, bytes32 gameId, Game memory g, IPinpoint.Evidence calldata evidence)
        external
        view
        returns (bytes32 left, bytes32 right)
    {
        bytes[][] calldata o = evidence.openings;
        if (g.end == IPinpoint.End.Stored) {
            opened(o, 1);
            bytes32 trace = Stores.rootOf(s, gameId, g, IPinpoint.Level.Trace);
            uint256 size = 4 * uint256(g.count);
            return (word(Trees.openWord(trace, size, size - 4, o[0])), word(g.word));
        }
        if (g.end == IPinpoint.End.Block) return (word(Execution.result(s, gameId, g, evidence)), word(g.word));
        Schedule.Context memory c = Stores.context(s, gameId, evidence.entry, evidence.facts);
        if (g.end == IPinpoint.End.RootAfter || g.end == IPinpoint.End.RootBefore) {
            opened(o, 1);
            bool last = g.end == IPinpoint.End.RootAfter;
            left = item(s, gameId, g, last ? Schedule.count(c) - 1 : 0, o[0]);
            return (left, last ? c.entry.rootAfter : c.entry.rootBefore);
        }
        if (g.end == IPinpoint.End.Sum || g.end == IPinpoint.End.Inbound) {
            opened(o, 2);
            left = item(s, gameId, g, Schedule.sumItem(c, g.index), o[0]);
            return (left, Trees.openHash(c.entry.lanesRoot, Schedule.sumCount(c), g.index, o[1]));
        }
        if (g.end == IPinpoint.End.Metric) return metric(s, gameId, g, c, o);
        Schedule.Item memory phase = Schedule.itemAt(c, g.item);
        if (g.end == IPinpoint.End.Input) return input(s, gameId, g, o, c, Schedule.originOf(c, phase, g.value));
        if (g.end == IPinpoint.End.Export) return exported(s, gameId, g, o, c, phase);
        return (word(formula(g, o, c, phase)), word(g.word));
    }

    function metric(Store storage s, bytes32 gameId, Game memory g, Schedule.Context memory c, bytes[][] calldata o)
        private
        view
        returns (bytes32 left, bytes32 right)
    {
        bytes32[] memory metrics = new bytes32[](c.facts.metrics);
        opened(o, 2 + metrics.length);
        bytes32 total = item(s, gameId, g, Schedule.total(c, g.index), o[0]);
        uint256 gradients = c.facts.gradients;
        for (uint256 j = 0; j < metrics.length; j++) {
            metrics[j] = Trees.openHash(total, gradients + metrics.length, gradients + j, o[1 + j]);
        }
        left = Trees.rootOver(metrics);
        right = Trees.openHash(c.entry.metricsRoot, Schedule.steps(c), g.index, o[1 + metrics.length]);
    }

    function input(
        Store storage s,
        bytes32 gameId,
        Game memory g,
        bytes[][] calldata o,
        Schedule.Context memory c,
        Schedule.Origin memory origin
    ) private view returns (bytes32 left, bytes32 right) {
        opened(o, origin.before ? 1 : 2);
        bytes32 root = origin.before ? c.entry.rootBefore : item(s, gameId, g, origin.item, o[0]);
        left = Trees.openHash(root, origin.leaves, origin.leaf, o[o.length - 1]);
        right = g.node;
    }

    function exported(
        Store storage s,
        bytes32 gameId,
        Game memory g,
        bytes[][] calldata o,
        Schedule.Context memory c,
        Schedule.Item memory phase
    ) private view returns (bytes32 left, bytes32 right) {
        opened(o, 3);
        GraphFacts memory graph = Schedule.graphOf(c, phase);
        uint256 results = Schedule.results(c, phase);
        left = Trees.openHash(s.anchors[gameId], results, g.index, o[0]);
        uint256 value = Trees.openWord(graph.exports, 4 * results, 4 * uint256(g.index), o[1]);
        bytes32 values = Stores.rootOf(s, gameId, g, IPinpoint.Level.Values);
        right = Trees.openHash(values, uint256(graph.inputs) + graph.nodes, value, o[2]);
    }

    /// @return The word of an input that no other value determines.
    function formula(Game memory g, bytes[][] calldata o, Schedule.Context memory c, Schedule.Item memory phase)
        private
        pure
        returns (uint256)
    {
        Schedule.Rule rule = Schedule.originOf(c, phase, g.value).rule;
        opened(o, rule == Schedule.Rule.Records ? 1 : 0);
        if (rule == Schedule.Rule.Seed) {
            return phase.kind == Schedule.Kind.Init ? c.facts.initSeed[g.element] : c.facts.dropoutSeed[g.element];
        }
        if (rule == Schedule.Rule.Step) return phase.step;
        uint256 records = c.facts.batch / c.facts.microBatches;
        uint256 position = phase.step * c.facts.batch + phase.microBatch * records;
        if (rule == Schedule.Rule.Position) return position + g.element;
        uint256 length = c.facts.recordLength;
        uint256 record = Records.indexAt(c.facts.orderSeed, position + g.element / length, c.facts.trainRecords);
        uint256 offset = record * c.facts.stride + g.element % length;
        if (c.facts.dataDtype != U8) return Trees.openWord(c.facts.dataRoot, c.facts.dataSize, 4 * offset, o[0]);
        if (offset >= c.facts.dataSize) revert IPinpoint.OutOfRange(offset);
        return uint8(Trees.openLeaf(c.facts.dataRoot, c.facts.dataSize, offset, o[0], 0)[offset % 1024]);
    }

    /// @return Item `index` of the entry, as the seat has posted it.
    function item(Store storage s, bytes32 gameId, Game memory g, uint256 index, bytes[] calldata path)
        private
        view
        returns (bytes32)
    {
        Claim storage claim = Stores.claimOf(s, gameId);
        return Trees.openHash(Stores.rootOf(s, gameId, g, IPinpoint.Level.Items), claim.items, index, path);
    }

    function opened(bytes[][] calldata openings, uint256 expected) private pure {
        if (openings.length != expected) revert IPinpoint.WrongEvidence("openings");
    }

    function word(uint256 w) private pure returns (bytes32) {
        return bytes32(w);
    }
}
