// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev Random players: whatever they do, every game ends, one side loses it, and the claim is ruled on.
contract PinpointFuzzTest is PinpointBase {
    using Forest for Forest.Tree;

    uint256 private dice;

    function roll(uint256 sides) private returns (uint256) {
        dice = uint256(keccak256(abi.encode(dice)));
        return dice % sides;
    }

    /// @dev Under the node in question, anywhere; or, at the root of a list, an export behind it.
    function anywhere(IPinpoint.GameView memory g, Forest.Tree memory t) private returns (uint256) {
        bool root = g.height == t.height();
        if (root && g.level != IPinpoint.Level.Words && roll(4) == 0) return t.count;
        uint256 unit = t.leaves ? 256 : 1;
        uint256 from = (uint256(g.index) << (4 * g.height)) * unit;
        uint256 size = (uint256(1) << (4 * g.height)) * unit;
        return from + roll(from + size < t.count ? size : t.count - from);
    }

    /// @dev One random act in a game that is not decided. The first item, the summing node and its elements are what the toy
    /// statement can go on from, so they are chosen most of the time.
    function act(bytes32 gameId) private {
        IPinpoint.GameView memory g = game(gameId);
        vm.roll(blockNow() + roll(4) * roll(3));
        uint256 clock = g.turn == IPinpoint.Side.Asserter ? g.asserterClock : g.challengerClock;
        if (blockNow() > g.since + clock) return pinpoint.timeout(gameId);
        if (roll(40) == 0) return concede(gameId, roll(2) == 0 ? g.asserter : g.challenger);
        if (g.level == IPinpoint.Level.End) return finish(gameId, g);
        if (g.level == IPinpoint.Level.Results) {
            vm.roll(blockNow() + clock + 1);
            return;
        }
        Forest.Tree memory t = statement[g.level];
        // Phases of other graphs have values that this statement does not hold: who would have to post them is late.
        if (g.level == IPinpoint.Level.Values && g.count != t.count) {
            vm.roll(blockNow() + clock + 1);
            return;
        }
        if (g.turn == IPinpoint.Side.Asserter) return post(gameId);
        uint256 index = anywhere(g, t);
        if (g.level == IPinpoint.Level.Items && roll(4) > 0) index = shape.item;
        if (g.level == IPinpoint.Level.Values && roll(4) > 0) index = shape.inputs;
        // Inputs that are formulas have a header of their own, which this statement does not hold.
        if (g.level == IPinpoint.Level.Values && index != shape.inputs && index >= STATE && index < t.count) index = 0;
        choose(gameId, index, roll(2) == 0 ? 1 : ALL);
    }

    function concede(bytes32 gameId, address player) private {
        vm.prank(player);
        pinpoint.concede(gameId);
    }

    function finish(bytes32 gameId, IPinpoint.GameView memory g) private {
        if (g.end == IPinpoint.End.Block && g.element == shape.element) {
            return prove(gameId, roll(2) == 0 ? g.asserter : g.challenger, blockProof(g.index));
        }
        if (g.end == IPinpoint.End.Stored) {
            Forest.Tree memory trace = statement[IPinpoint.Level.Trace];
            return prove(gameId, g.asserter, proof(trace.open(trace.count - 1)));
        }
        vm.roll(blockNow() + g.asserterClock + 1);
    }

    function undecided(uint256 seats, uint256 challengers) private returns (bytes32) {
        IPinpoint.ClaimView memory c = pinpoint.claimOf(claimId);
        uint256 start = roll(seats * challengers);
        for (uint256 i = 0; i < seats * challengers; i++) {
            uint256 k = (start + i) % (seats * challengers);
            (uint256 seat, uint256 number) = (k / challengers, k % challengers);
            if (c.seats[seat].done || c.challengers[number].done) continue;
            return bytes32(uint256(claimId) | seat << 16 | number);
        }
        return 0;
    }

    /// forge-config: default.fuzz.runs = 32
    /// forge-config: test.fuzz.runs = 32
    function testFuzz_random_players_come_to_a_ruling(uint256 seed) public {
        dice = seed;
        address[] memory acceptors = some(acceptor);
        for (uint256 i = 0; i < 3; i++) {
            accuse(actor("challenger", i), acceptors);
        }
        bool defended;
        uint256 acts;
        while (pinpoint.ruling(address(this), entryHash) == IArbiter.Ruling.Pending) {
            IPinpoint.ClaimView memory c = pinpoint.claimOf(claimId);
            bytes32 gameId = undecided(c.seats.length, 3);
            if (gameId != 0) {
                act(gameId);
            } else if (!defended && roll(2) == 0) {
                vm.prank(acceptor);
                pinpoint.defend(address(this), entryHash);
                defended = true;
            } else {
                vm.roll(c.defendUntil + 1);
            }
            acts++;
            yes(acts < 200, "bounded");
        }
        consistent();
    }

    /// @dev A game has one winner; who has lost one is out; the ruling follows from who stands.
    function consistent() private view {
        IPinpoint.ClaimView memory c = pinpoint.claimOf(claimId);
        uint256 standing;
        for (uint256 i = 0; i < c.challengers.length; i++) {
            if (!c.challengers[i].done) standing++;
        }
        bool upheld = pinpoint.ruling(address(this), entryHash) == IArbiter.Ruling.Upheld;
        yes(upheld == (standing == 0), "standing challengers refute");
        for (uint256 seat = 0; seat < c.seats.length; seat++) {
            uint256 losses;
            for (uint256 i = 0; i < c.challengers.length; i++) {
                IPinpoint.Side side = winner(bytes32(uint256(claimId) | seat << 16 | i));
                if (side == IPinpoint.Side.Challenger) losses++;
                if (side == IPinpoint.Side.Asserter) yes(c.challengers[i].done, "a loser is out");
            }
            eq(losses, c.seats[seat].done ? 1 : 0, "a seat is lost once");
        }
    }

    /// @dev An honest asserter that only posts and proves wins every game, wherever a challenger goes with it.
    /// forge-config: default.fuzz.runs = 32
    /// forge-config: test.fuzz.runs = 32
    function testFuzz_a_true_statement_wins(uint256 seed) public {
        dice = seed;
        bytes32 gameId = accuse(challenger);
        bool once = roll(2) == 0;
        play(gameId, shape.item, once ? 1 : ALL);
        play(gameId, shape.inputs, once ? 1 : ALL);
        play(gameId, shape.element, once ? 1 : ALL);
        uint256 t = roll(traceLength(shape) + 1);
        play(gameId, t, once ? 1 : ALL);
        IPinpoint.Evidence memory e =
            t < traceLength(shape) ? blockProof(t) : proof(statement[IPinpoint.Level.Trace].open(t - 1));
        prove(gameId, roll(2) == 0 ? solver : challenger, e);
        won(gameId, IPinpoint.Side.Asserter);
    }

    /// @dev One wrong block of the trace is found, and loses the game.
    /// forge-config: default.fuzz.runs = 32
    /// forge-config: test.fuzz.runs = 32
    function testFuzz_a_wrong_block_loses(uint256 seed, uint32 word) public {
        dice = seed;
        uint256 t = roll(traceLength(shape));
        if (word == 0) word = 1;
        statement[IPinpoint.Level.Trace] = statement[IPinpoint.Level.Trace].with(t, bytes32(uint256(word)));
        bytes32 gameId = accuse(challenger);
        playToBlock(gameId, t, roll(2) == 0 ? 1 : ALL);
        prove(gameId, roll(2) == 0 ? solver : challenger, blockProof(t));
        won(gameId, IPinpoint.Side.Challenger);
    }

    /// @dev Whatever bytes are sent instead of a move, they change nothing.
    function testFuzz_foreign_bytes_are_refused(bytes32 noise, uint8 at) public {
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.item, ALL);
        post(gameId);
        bytes[] memory path = statement[IPinpoint.Level.Values].open(shape.inputs);
        if (noise == 0) noise = "noise";
        path[0][at % path[0].length] ^= bytes1(uint8(uint256(noise)) | 1);
        IPinpoint.Evidence memory e = evidence();
        refused(challenger, abi.encodeWithSelector(IPinpoint.WrongPreimage.selector, 1, 0));
        pinpoint.choose(gameId, uint64(shape.inputs), path, e);
    }
}
