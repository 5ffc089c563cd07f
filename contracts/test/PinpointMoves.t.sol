// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev Moves that are out of place, out of time, or not authentic.
contract PinpointMovesTest is PinpointBase {
    using Forest for Forest.Tree;

    IPinpoint.Level private constant ITEMS = IPinpoint.Level.Items;
    IPinpoint.Level private constant VALUES = IPinpoint.Level.Values;
    IPinpoint.Level private constant WORDS = IPinpoint.Level.Words;

    bytes32 private gameId;

    function setUp() public override {
        super.setUp();
        gameId = accuse(challenger);
    }

    function because(bytes4 selector, uint256 a) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a);
    }

    function because(bytes4 selector, uint256 a, uint256 b) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function refusedPost(bytes memory head, bytes memory data, bytes memory reason) private {
        refused(solver, reason);
        pinpoint.post(gameId, head, data);
    }

    function refusedChoice(uint64 index, bytes[] memory path, bytes memory reason) private {
        IPinpoint.Evidence memory e = evidence();
        refused(challenger, reason);
        pinpoint.choose(gameId, index, path, e);
    }

    function refusedProof(IPinpoint.Evidence memory e, bytes memory reason) private {
        refused(solver, reason);
        pinpoint.prove(gameId, e);
    }

    function first() private view returns (bytes memory) {
        return bytes.concat(entry, facts);
    }

    function itemsPreimage() private view returns (bytes memory) {
        return statement[ITEMS].preimage(1, 0);
    }

    function cut(bytes memory data, uint256 size) private pure returns (bytes memory) {
        assembly ("memory-safe") {
            mstore(data, size)
        }
        return data;
    }

    function flipped(bytes memory data) private pure returns (bytes memory) {
        data[data.length / 2] ^= 0x40;
        return data;
    }

    // ---------------------------------------------------------------- turns

    function test_only_the_player_to_move_moves() public {
        bytes memory data = itemsPreimage();
        bytes memory asserters = because(IPinpoint.NotYourTurn.selector, uint256(IPinpoint.Side.Asserter));
        refused(challenger, asserters);
        pinpoint.post(gameId, first(), data);
        refusedChoice(0, new bytes[](0), asserters);
        refused(stranger, asserters);
        pinpoint.concede(gameId);
        post(gameId);
        bytes memory challengers = because(IPinpoint.NotYourTurn.selector, uint256(IPinpoint.Side.Challenger));
        refusedPost(first(), data, challengers);
        bytes[] memory path = statement[ITEMS].open(1);
        IPinpoint.Evidence memory e = evidence();
        refused(solver, challengers);
        pinpoint.choose(gameId, 1, path, e);
        refused(stranger, challengers);
        pinpoint.choose(gameId, 1, path, e);
    }

    function test_nothing_is_proven_before_the_end() public {
        IPinpoint.Evidence memory e = evidence();
        refusedProof(e, because(IPinpoint.WrongLevel.selector, uint256(ITEMS)));
        playToBlock(gameId, 3, ALL);
        refusedPost("", "", because(IPinpoint.WrongLevel.selector, uint256(IPinpoint.Level.End)));
        e = blockProof(3);
        refused(stranger, because(IPinpoint.NotYourTurn.selector, uint256(IPinpoint.Side.Asserter)));
        pinpoint.prove(gameId, e);
        prove(gameId, challenger, e);
        won(gameId, IPinpoint.Side.Asserter);
    }

    function test_a_decided_game_is_over() public {
        playToBlock(gameId, 3, ALL);
        IPinpoint.Evidence memory e = blockProof(3);
        prove(gameId, solver, e);
        bytes memory over = abi.encodeWithSelector(IPinpoint.GameOver.selector, gameId);
        refusedProof(e, over);
        refusedPost("", "", over);
        refusedChoice(0, new bytes[](0), over);
        refused(solver, over);
        pinpoint.concede(gameId);
        refused(stranger, over);
        pinpoint.timeout(gameId);
    }

    function test_a_game_that_nobody_opened_is_none() public {
        gameId = pinpoint.gameIdOf(claimId, 0, 1);
        bytes memory over = abi.encodeWithSelector(IPinpoint.GameOver.selector, gameId);
        refusedPost(first(), itemsPreimage(), over);
        gameId = pinpoint.gameIdOf(claimId, 1, 0);
        over = abi.encodeWithSelector(IPinpoint.GameOver.selector, gameId);
        refused(stranger, over);
        pinpoint.timeout(gameId);
    }

    // ---------------------------------------------------------------- posts

    function test_the_first_post_shows_entry_and_facts() public {
        bytes memory data = itemsPreimage();
        refusedPost("", data, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("header"))));
        bytes memory lie = flipped(first());
        refusedPost(lie, data, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("facts"))));
        lie = first();
        lie[40] ^= 0x01;
        refusedPost(lie, data, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("entry"))));
    }

    function test_preimages_have_the_size_of_their_node() public {
        refusedPost(first(), cut(itemsPreimage(), 384), because(IPinpoint.WrongSize.selector, 416, 384));
        bytes memory more = bytes.concat(itemsPreimage(), bytes32(0));
        refusedPost(first(), more, because(IPinpoint.WrongSize.selector, 416, 448));
        refusedPost(first(), "", because(IPinpoint.WrongSize.selector, 416, 0));
        post(gameId);
        bytes[] memory path = new bytes[](1);
        path[0] = cut(itemsPreimage(), 400);
        refusedChoice(1, path, because(IPinpoint.WrongSize.selector, 416, 400));
    }

    function test_a_post_must_be_what_was_committed() public {
        play(gameId, shape.item, ALL);
        post(gameId);
        choose(gameId, shape.inputs, ALL);
        bytes memory data = statement[WORDS].preimage(0, 0);
        refusedPost(flipped(header()), data, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("header"))));
        refusedPost("", data, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("header"))));
        refusedPost(header(), flipped(data), because(IPinpoint.WrongPreimage.selector, 0, 0));
    }

    function test_a_node_on_the_way_must_be_what_was_committed() public {
        build(huge());
        gameId = accuse(challenger);
        post(gameId);
        choose(gameId, shape.item, 1);
        IPinpoint.GameView memory g = game(gameId);
        bytes memory other = statement[ITEMS].preimage(g.height - 1, 0);
        refusedPost("", other, because(IPinpoint.WrongPreimage.selector, g.height, g.index));
        post(gameId);
    }

    // --------------------------------------------------------------- choices

    function test_a_choice_is_in_the_list_or_behind_it() public {
        post(gameId);
        bytes[] memory none = new bytes[](0);
        uint64 behind = uint64(shape.items + 4);
        refusedChoice(behind, none, because(IPinpoint.OutOfRange.selector, behind));
        refusedChoice(type(uint64).max, none, because(IPinpoint.OutOfRange.selector, type(uint64).max));
        refusedChoice(13, statement[ITEMS].open(0), because(IPinpoint.WrongDepth.selector, 0, 1));
        refusedChoice(1, none, because(IPinpoint.WrongDepth.selector, 1, 0));
        bytes[] memory path = new bytes[](2);
        path[0] = itemsPreimage();
        refusedChoice(1, path, because(IPinpoint.WrongDepth.selector, 1, 2));
        path = new bytes[](1);
        path[0] = flipped(itemsPreimage());
        refusedChoice(1, path, because(IPinpoint.WrongPreimage.selector, 1, 0));
    }

    function test_who_has_gone_down_stays_there() public {
        build(huge());
        gameId = accuse(challenger);
        post(gameId);
        choose(gameId, shape.item, 2);
        post(gameId);
        refusedChoice(0, statement[ITEMS].path(4, 0, 1), because(IPinpoint.OutOfRange.selector, 0));
        uint64 export_ = uint64(shape.items);
        refusedChoice(export_, new bytes[](0), because(IPinpoint.OutOfRange.selector, export_));
    }

    function test_words_have_no_exports_and_a_trace_one() public {
        play(gameId, shape.item, ALL);
        play(gameId, shape.inputs, ALL);
        post(gameId);
        refusedChoice(4, new bytes[](0), because(IPinpoint.OutOfRange.selector, 4));
        choose(gameId, shape.element, ALL);
        post(gameId);
        refusedChoice(702, new bytes[](0), because(IPinpoint.OutOfRange.selector, 702));
    }

    function test_choices_show_what_they_need() public {
        post(gameId);
        bytes[] memory path = statement[ITEMS].open(1);
        IPinpoint.Evidence memory e;
        refused(challenger, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("entry"))));
        pinpoint.choose(gameId, 1, path, e);
        e.entry = entry;
        refused(challenger, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("facts"))));
        pinpoint.choose(gameId, 1, path, e);
        choose(gameId, 1, ALL);
        post(gameId);
        path = statement[VALUES].open(shape.inputs);
        e = evidence();
        e.node = flipped(node);
        refused(challenger, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("node"))));
        pinpoint.choose(gameId, uint64(shape.inputs), path, e);
        e.nodePath = new bytes[](0);
        refused(challenger, because(IPinpoint.WrongDepth.selector, 1, 0));
        pinpoint.choose(gameId, uint64(shape.inputs), path, e);
    }

    // ---------------------------------------------------------------- proofs

    function test_a_proof_shows_all_that_it_needs() public {
        playToBlock(gameId, 5, ALL);
        IPinpoint.Evidence memory e = blockProof(5);
        bytes[] memory kept = e.openings[2];
        e.openings[2] = new bytes[](0);
        refusedProof(e, because(IPinpoint.WrongDepth.selector, 2, 0));
        e.openings[2] = kept;
        kept[1] = flipped(kept[1]);
        refusedProof(e, because(IPinpoint.WrongPreimage.selector, 0, 0));
        kept[1] = flipped(kept[1]);
        e.openings[1][0] = flipped(e.openings[1][0]);
        refusedProof(e, because(IPinpoint.WrongPreimage.selector, 0, 0));
        e.openings[1][0] = flipped(e.openings[1][0]);
        e.words[0].operand = 1;
        refusedProof(e, because(IPinpoint.OutOfRange.selector, 1));
        e.words[0].operand = 0;
        e.words[1].index = 4;
        prove(gameId, solver, blockProof(5));
    }

    function test_a_block_on_other_words_is_refused() public {
        playToBlock(gameId, 5, ALL);
        IPinpoint.Evidence memory e = blockProof(6);
        refusedProof(e, abi.encodeWithSignature("MissingWord(bool,uint8,uint64)", true, 0, 4));
        e = blockProof(5);
        bytes[][] memory fewer = new bytes[][](2);
        (fewer[0], fewer[1]) = (e.openings[0], e.openings[1]);
        e.openings = fewer;
        refusedProof(e, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("openings"))));
        e.words = new IPinpoint.WordRef[](0);
        refusedProof(e, because(IPinpoint.WrongEvidence.selector, uint256(bytes32("openings"))));
    }

    // ---------------------------------------------------------------- clocks

    function test_each_player_has_a_clock_and_more_at_each_level() public {
        uint256 start = blockNow();
        vm.roll(start + 7);
        post(gameId);
        eq(game(gameId).asserterClock, RESPONSE - 7, "spent");
        vm.roll(start + 7 + 9);
        choose(gameId, 1, ALL);
        IPinpoint.GameView memory g = game(gameId);
        eq(g.asserterClock, RESPONSE - 7 + RESPONSE / 2, "asserter gains");
        eq(g.challengerClock, RESPONSE - 9 + RESPONSE / 2, "challenger gains");
        uint48 until = g.since + g.asserterClock;
        vm.roll(until);
        refused(stranger, because(IPinpoint.InTime.selector, until));
        pinpoint.timeout(gameId);
        post(gameId);
        eq(game(gameId).asserterClock, 0, "all spent");
    }

    function test_who_is_out_of_time_can_only_lose() public {
        uint256 until = blockNow() + RESPONSE;
        vm.roll(until + 1);
        refusedPost(first(), itemsPreimage(), because(IPinpoint.OutOfTime.selector, until));
        vm.prank(stranger);
        pinpoint.timeout(gameId);
        won(gameId, IPinpoint.Side.Challenger);
        yes(pinpoint.lost(address(this), entryHash, solver), "seat lost");
        yes(!pinpoint.lost(address(this), entryHash, challenger), "challenger stands");
        ruled(IArbiter.Ruling.Refuted);
    }

    function test_a_silent_challenger_loses() public {
        post(gameId);
        uint256 until = blockNow() + RESPONSE;
        vm.roll(until + 1);
        refusedChoice(1, statement[ITEMS].open(1), because(IPinpoint.OutOfTime.selector, until));
        pinpoint.timeout(gameId);
        won(gameId, IPinpoint.Side.Asserter);
        yes(pinpoint.lost(address(this), entryHash, challenger), "challenger lost");
        ruled(IArbiter.Ruling.Upheld);
    }

    function test_an_asserter_that_proves_nothing_loses() public {
        playToBlock(gameId, 5, ALL);
        IPinpoint.GameView memory g = game(gameId);
        vm.roll(g.since + g.asserterClock + 1);
        refusedProof(blockProof(5), because(IPinpoint.OutOfTime.selector, g.since + g.asserterClock));
        pinpoint.timeout(gameId);
        won(gameId, IPinpoint.Side.Challenger);
    }

    /// @dev The next move of a game down to block 5, in which nothing is served.
    function advance() private {
        IPinpoint.GameView memory g = game(gameId);
        if (g.turn == IPinpoint.Side.Asserter) return post(gameId);
        uint256 index =
            g.level == ITEMS ? shape.item : g.level == VALUES ? shape.inputs : g.level == WORDS ? shape.element : 5;
        choose(gameId, index, 1);
    }

    /// @dev Whoever stalls, wherever that is, loses; nobody waits longer than for both clocks.
    function test_stalling_at_each_move_loses() public {
        uint256 moves;
        for (bool ended; !ended; moves++) {
            fresh();
            gameId = accuse(challenger);
            uint256 start = blockNow();
            for (uint256 i = 0; i < moves; i++) {
                advance();
            }
            IPinpoint.GameView memory g = game(gameId);
            ended = g.level == IPinpoint.Level.End;
            vm.roll(blockNow() + (g.turn == IPinpoint.Side.Asserter ? g.asserterClock : g.challengerClock) + 1);
            pinpoint.timeout(gameId);
            won(gameId, g.turn == IPinpoint.Side.Asserter ? IPinpoint.Side.Challenger : IPinpoint.Side.Asserter);
            yes(blockNow() <= start + 2 * (RESPONSE + 4 * (RESPONSE / 2)) + 1, "bounded");
        }
        eq(moves, 11, "moves");
    }

    function test_concessions() public {
        vm.prank(solver);
        pinpoint.concede(gameId);
        won(gameId, IPinpoint.Side.Challenger);
        setUp();
        vm.prank(challenger);
        pinpoint.concede(gameId);
        won(gameId, IPinpoint.Side.Asserter);
        ruled(IArbiter.Ruling.Upheld);
    }
}
