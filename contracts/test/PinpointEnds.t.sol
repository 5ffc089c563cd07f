// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev Whole games to every end, each with a statement that holds together and one that does not.
contract PinpointEndsTest is PinpointBase {
    using Forest for Forest.Tree;

    IPinpoint.Level private constant ITEMS = IPinpoint.Level.Items;
    IPinpoint.Level private constant VALUES = IPinpoint.Level.Values;
    IPinpoint.Level private constant WORDS = IPinpoint.Level.Words;
    IPinpoint.Level private constant TRACE = IPinpoint.Level.Trace;
    IPinpoint.Level private constant RESULTS = IPinpoint.Level.Results;

    function atEnd(bytes32 gameId, IPinpoint.End end) private view {
        eq(uint256(game(gameId).end), uint256(end), "end");
    }

    // ---------------------------------------------------------------- blocks

    function blockGame(uint256 t, uint256 levels, bytes32 word) private returns (bytes32 gameId) {
        statement[TRACE] = statement[TRACE].with(t, word);
        gameId = accuse(challenger);
        playToBlock(gameId, t, levels);
        atEnd(gameId, IPinpoint.End.Block);
        eq(game(gameId).word, uint256(word), "word");
        prove(gameId, solver, blockProof(t));
        won(gameId, word == 0 ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
        if (word == 0) {
            ruled(IArbiter.Ruling.Upheld);
        } else {
            vm.roll(blockNow() + RESPONSE + 1);
            ruled(IArbiter.Ruling.Refuted);
        }
    }

    function test_blocks_withheld() public {
        blockGame(0, 1, 0);
    }

    function test_blocks_of_every_kind() public {
        uint256[5] memory places = [uint256(0), 1, 511, 512, 700];
        for (uint256 i = 0; i < places.length; i++) {
            for (uint256 word = 0; word < 2; word++) {
                fresh();
                blockGame(places[i], ALL, bytes32(word));
            }
        }
    }

    function test_a_huge_statement_served() public {
        build(huge());
        blockGame(1234, ALL, bytes32(uint256(1)));
    }

    function test_a_huge_statement_withheld() public {
        build(huge());
        blockGame(2046, 1, bytes32(uint256(1)));
    }

    function test_a_huge_true_statement() public {
        build(huge());
        blockGame(2048, ALL, 0);
    }

    function test_stored() public {
        for (uint256 word = 0; word < 2; word++) {
            fresh();
            statement[WORDS] = statement[WORDS].with(shape.element, bytes32(word));
            link();
            bytes32 gameId = accuse(challenger);
            playToBlock(gameId, traceLength(shape), 1);
            atEnd(gameId, IPinpoint.End.Stored);
            prove(gameId, word == 0 ? solver : challenger, proof(statement[TRACE].open(traceLength(shape) - 1)));
            won(gameId, word == 0 ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
        }
    }

    // ---------------------------------------------------------------- values

    function test_export_of_a_phase() public {
        for (uint256 lie = 0; lie < 2; lie++) {
            for (uint256 o = 0; o < SUMS; o++) {
                fresh();
                Forest.Tree memory results = Forest.uniform(false, SUMS, "value");
                if (lie == 1) results = results.with(o, "another");
                statement[ITEMS] = statement[ITEMS].with(shape.item, results.root());
                bytes32 gameId = accuse(challenger);
                play(gameId, shape.item, ALL);
                statement[RESULTS] = results;
                play(gameId, shape.inputs + shape.nodes, ALL);
                play(gameId, o, 1);
                atEnd(gameId, IPinpoint.End.Export);
                uint256 last = shape.inputs + shape.nodes - 1;
                prove(
                    gameId,
                    solver,
                    proof(results.open(o), exportTree(shape, shape.inputs, SUMS).open(o), statement[VALUES].open(last))
                );
                won(gameId, lie == 0 ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
            }
        }
    }

    /// @dev Input `port` of `item`, whose `inputs` come from leaf `leaf` of what is in `source` (none: the state before).
    function linked(uint256 item, uint256 inputs, uint256 port, uint256 source, uint256 leaf) private {
        for (uint256 lie = 0; lie < 2; lie++) {
            fresh();
            Shape memory p = small();
            (p.item, p.inputs) = (item, inputs);
            if (source == ALL) (p.stepFrom, p.stepTo, p.items) = (5, 7, 12);
            build(p);
            Forest.Tree memory tensors =
                Forest.uniform(false, 2, "leaf").with(leaf, lie == 0 ? bytes32("value") : bytes32("x"));
            if (source != ALL) statement[ITEMS] = statement[ITEMS].with(source, tensors.root());
            else setEntry(tensors.root(), "after", "lanes", "metrics");
            if (port == 0) statement[VALUES] = statement[VALUES].with(0, "value");
            bytes32 gameId = accuse(challenger);
            play(gameId, item, ALL);
            play(gameId, port, ALL);
            atEnd(gameId, IPinpoint.End.Input);
            if (source == ALL) prove(gameId, challenger, proof(tensors.open(leaf)));
            else prove(gameId, challenger, proof(statement[ITEMS].open(source), tensors.open(leaf)));
            won(gameId, lie == 0 ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
        }
    }

    function test_state_before_the_entry() public {
        linked(0, 6, 1, ALL, 1);
        linked(5, 5, 0, ALL, 0);
    }

    function test_state_after_init_and_after_a_step() public {
        linked(2, 6, 0, 0, 0);
        linked(8, 6, 1, 6, 1);
        linked(12, 5, 1, 6, 1);
    }

    function test_operands_of_additions() public {
        linked(3, 4, 0, 1, 0);
        linked(3, 4, 1, 1, 1);
        linked(3, 4, 2, 2, 0);
        linked(3, 4, 3, 2, 1);
        linked(5, 4, 1, 4, 1); // the lower replica's sum is the left operand
        linked(5, 4, 3, 3, 1);
    }

    function test_sums_of_an_update() public {
        linked(6, 5, 3, 5, 0);
        linked(12, 5, 4, 11, 1);
    }

    // ----------------------------------------------------------------- words

    /// @dev Input `port` of `item` is a formula; word `element` of it must be `word`.
    function formula(uint256 item, uint256 inputs, uint256 port, Forest.Tree memory words, bytes memory head) private {
        Shape memory p = small();
        (p.item, p.inputs) = (item, inputs);
        build(p);
        statement[WORDS] = words;
        statement[VALUES] = statement[VALUES].with(port, Forest.tensorRoot(head, words));
        bytes32 gameId = accuse(challenger);
        play(gameId, item, ALL);
        play(gameId, port, ALL);
        IPinpoint.GameView memory g = game(gameId);
        vm.prank(solver);
        pinpoint.post(gameId, head, words.preimage(g.height, 0));
    }

    function formulaWord(bytes32 gameId, uint256 element, uint256 word, IPinpoint.Evidence memory e) private {
        choose(gameId, element, ALL);
        atEnd(gameId, IPinpoint.End.Word);
        bool holds = game(gameId).word == word;
        prove(gameId, solver, e);
        won(gameId, holds ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
    }

    function simple(
        uint256 item,
        uint256 inputs,
        uint256 port,
        uint256 count,
        bytes memory head,
        uint256 element,
        uint256 word
    ) private {
        for (uint256 lie = 0; lie < 2; lie++) {
            fresh();
            Forest.Tree memory words = Forest.uniform(true, count, 0).with(element, bytes32(word + lie));
            formula(item, inputs, port, words, head);
            formulaWord(pinpoint.gameIdOf(claimId, 0, 0), element, word, evidence());
        }
    }

    function test_seeds() public {
        bytes memory head = Forest.header(2, one(2));
        simple(0, 1, 0, 2, head, 0, 11);
        simple(0, 1, 0, 2, head, 1, 12);
        simple(8, 6, 2, 2, head, 1, 22);
    }

    function test_steps() public {
        bytes memory head = Forest.header(2, new uint256[](0));
        simple(1, 6, 3, 1, head, 0, 0);
        simple(7, 6, 3, 1, head, 0, 1);
        simple(12, 5, 2, 1, head, 0, 1);
    }

    function test_positions() public {
        bytes memory head = Forest.header(2, one(2));
        // batch 8, b = 2: step 1, micro-batch 3 begins at 8 + 6
        simple(8, 6, 4, 2, head, 1, 15);
        simple(1, 6, 4, 2, head, 0, 2);
    }

    function test_records() public {
        uint256[] memory axes = new uint256[](2);
        (axes[0], axes[1]) = (2, 5);
        for (uint256 lie = 0; lie < 2; lie++) {
            fresh();
            Forest.Tree memory words = Forest.uniform(true, 10, bytes32(uint256(1))).with(7, bytes32(1 + lie));
            formula(8, 6, 5, words, Forest.header(I32, axes));
            formulaWord(pinpoint.gameIdOf(claimId, 0, 0), 7, 1, proof(dataTree().open(0)));
        }
    }

    // ----------------------------------------------------------------- items

    function itemExport(uint256 n, uint256 step, IPinpoint.End end, IPinpoint.Evidence memory e, bool holds) private {
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.items + n, ALL);
        if (game(gameId).level == RESULTS) play(gameId, step, 1);
        atEnd(gameId, end);
        prove(gameId, solver, e);
        won(gameId, holds ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
    }

    function test_roots_of_the_entry() public {
        for (uint256 lie = 0; lie < 2; lie++) {
            fresh();
            setEntry(lie == 0 ? bytes32("item") : bytes32("x"), "item", "lanes", "metrics");
            itemExport(1, 0, IPinpoint.End.RootBefore, proof(statement[ITEMS].open(0)), lie == 0);
            fresh();
            setEntry("item", lie == 0 ? bytes32("item") : bytes32("x"), "lanes", "metrics");
            itemExport(0, 0, IPinpoint.End.RootAfter, proof(statement[ITEMS].open(12)), lie == 0);
        }
    }

    /// @dev Sum `leaf` under `lanesRoot`, which must be `item`.
    function sum(Shape memory p, uint256 leaves, uint256 leaf, uint256 item, IPinpoint.End end) private {
        for (uint256 lie = 0; lie < 2; lie++) {
            fresh();
            build(p);
            Forest.Tree memory items = statement[ITEMS].with(item, "sum");
            statement[ITEMS] = items;
            statement[RESULTS] =
                Forest.uniform(false, leaves, "item").with(leaf, lie == 0 ? bytes32("sum") : bytes32("x"));
            setEntry("before", "after", statement[RESULTS].root(), "metrics");
            itemExport(2, leaf, end, proof(items.open(item), statement[RESULTS].open(leaf)), lie == 0);
        }
    }

    function test_sums_of_two_replicas() public {
        sum(small(), 4, 1, 3, IPinpoint.End.Sum);
        sum(small(), 4, 0, 4, IPinpoint.End.Inbound);
        sum(small(), 4, 3, 9, IPinpoint.End.Sum);
        sum(small(), 4, 2, 10, IPinpoint.End.Inbound);
    }

    function test_sums_of_four_replicas() public {
        for (uint256 step = 0; step < 2; step++) {
            (uint256 leaf, uint256 item) = (6 * step, 1 + 6 * step);
            sum(quarter(), 12, leaf + 1, item, IPinpoint.End.Sum);
            sum(quarter(), 12, leaf + 3, item + 1, IPinpoint.End.Inbound);
            sum(quarter(), 12, leaf + 5, item + 2, IPinpoint.End.Sum);
            sum(quarter(), 12, leaf + 4, item + 3, IPinpoint.End.Inbound);
        }
    }

    function test_metrics() public {
        for (uint256 step = 0; step < 2; step++) {
            for (uint256 lie = 0; lie < 2; lie++) {
                fresh();
                Forest.Tree memory total = Forest.uniform(false, SUMS, "gradient").with(1, "metric");
                statement[ITEMS] = statement[ITEMS].with(5 + 6 * step, total.root());
                bytes32 metric = lie == 0 ? bytes32("metric") : bytes32("x");
                statement[RESULTS] = Forest.uniform(false, 2, "y").with(step, metric);
                setEntry("before", "after", "lanes", statement[RESULTS].root());
                bytes[] memory item = statement[ITEMS].open(5 + 6 * step);
                itemExport(
                    3, step, IPinpoint.End.Metric, proof(item, total.open(1), statement[RESULTS].open(step)), lie == 0
                );
            }
        }
    }

    function test_one_replica_has_no_sums() public {
        Shape memory p = small();
        (p.stepTo, p.replica, p.replicas, p.items) = (1, 0, 1, 9);
        build(p);
        setEntry("before", "after", 0, "metrics");
        bytes32 gameId = accuse(challenger);
        post(gameId);
        IPinpoint.Evidence memory e = evidence();
        refused(challenger, abi.encodeWithSelector(IPinpoint.OutOfRange.selector, 11));
        pinpoint.choose(gameId, 11, new bytes[](0), e);
    }

    /// @dev Item `item` must be sum `leaf` under `lanesRoot`, which replica `holder` has sent. If it is, whoever finds it wrong is passed on.
    function inbound(Shape memory p, uint256 item, uint256 leaves, uint256 leaf, uint16 holder) private {
        for (uint256 lie = 0; lie < 2; lie++) {
            fresh();
            build(p);
            Forest.Tree memory lanes =
                Forest.uniform(false, leaves, "y").with(leaf, lie == 0 ? bytes32("item") : bytes32("x"));
            statement[RESULTS] = lanes;
            setEntry("before", "after", lanes.root(), "metrics");
            bytes32 gameId = accuse(challenger);
            play(gameId, item, ALL);
            post(gameId);
            choose(gameId, leaf, ALL);
            atEnd(gameId, IPinpoint.End.Inbound);
            passed(false, 0);
            prove(gameId, solver, proof(statement[ITEMS].open(item), lanes.open(leaf)));
            won(gameId, lie == 0 ? IPinpoint.Side.Asserter : IPinpoint.Side.Challenger);
            passed(lie == 0, lie == 0 ? holder : 0);
        }
    }

    function test_inbound_sums() public {
        inbound(small(), 4, 4, 0, 0);
        inbound(small(), 10, 4, 2, 0);
        inbound(quarter(), 2, 12, 3, 3);
        inbound(quarter(), 10, 12, 10, 0);
    }

    function passed(bool expected, uint16 to) private view {
        (bool is_, uint16 replica) = pinpoint.passedTo(address(this), entryHash, challenger);
        yes(is_ == expected && replica == to, "passed on");
    }

    /// @dev Who gives up is not passed on, wherever the game is.
    function test_who_gives_up_at_an_inbound_sum_is_not_passed_on() public {
        statement[RESULTS] = Forest.uniform(false, 4, "item");
        setEntry("before", "after", statement[RESULTS].root(), "metrics");
        bytes32 gameId = accuse(challenger);
        play(gameId, 4, ALL);
        post(gameId);
        choose(gameId, 0, ALL);
        atEnd(gameId, IPinpoint.End.Inbound);
        vm.prank(challenger);
        pinpoint.concede(gameId);
        won(gameId, IPinpoint.Side.Asserter);
        passed(false, 0);
    }
}
