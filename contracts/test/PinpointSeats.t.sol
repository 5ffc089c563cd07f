// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev Several challengers, several seats, and what the court is told.
contract PinpointSeatsTest is PinpointBase {
    using Forest for Forest.Tree;

    address private second = actor("second challenger");
    address private other = actor("second acceptor");

    function against(uint16 seat, uint16 number) private view returns (bytes32) {
        return bytes32(uint256(claimId) | uint256(seat) << 16 | number);
    }

    function concede(address player, bytes32 gameId) private {
        vm.prank(player);
        pinpoint.concede(gameId);
    }

    function defend(address account) private {
        vm.prank(account);
        pinpoint.defend(address(this), entryHash);
    }

    function refusedDefence(address account, uint256 until) private {
        refused(account, abi.encodeWithSelector(IPinpoint.CannotDefend.selector, until));
        pinpoint.defend(address(this), entryHash);
    }

    function both() private view returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (acceptor, other);
    }

    // ----------------------------------------------------------- challengers

    function test_posts_are_shared_by_the_games_of_a_seat() public {
        bytes32 a = accuse(challenger);
        playToBlock(a, 5, ALL);
        bytes32 b = accuse(second);
        IPinpoint.GameView memory g = game(b);
        yes(g.turn == IPinpoint.Side.Challenger && g.rooted, "items are known");
        eq(g.count, shape.items, "as many");
        choose(b, shape.item, ALL);
        yes(game(b).turn == IPinpoint.Side.Challenger, "values are known");
        choose(b, shape.inputs, ALL);
        yes(game(b).turn == IPinpoint.Side.Challenger, "words are known");
        choose(b, shape.element, ALL);
        yes(game(b).turn == IPinpoint.Side.Challenger, "the trace is known");
        choose(b, 6, ALL);
        prove(b, solver, blockProof(6));
        won(b, IPinpoint.Side.Asserter);
        ruled(IArbiter.Ruling.Pending);
        prove(a, solver, blockProof(5));
        ruled(IArbiter.Ruling.Upheld);
    }

    function test_a_new_list_has_to_be_posted() public {
        bytes32 a = accuse(challenger);
        playToBlock(a, 5, ALL);
        bytes32 b = accuse(second);
        choose(b, 2, ALL);
        yes(game(b).turn == IPinpoint.Side.Asserter, "another phase");
    }

    function test_a_seat_does_not_contradict_itself() public {
        bytes32 a = accuse(challenger);
        bytes32 b = accuse(second);
        play(a, shape.item, ALL);
        choose(b, shape.item, ALL);
        post(a);
        bytes32 posted = pinpoint.rootOf(a, IPinpoint.Level.Values, uint32(shape.item), 0, 0);
        eq(posted, statement[IPinpoint.Level.Values].root(), "posted");
        bytes memory another = statement[IPinpoint.Level.Values].with(3, "z").preimage(1, 0);
        refused(solver, abi.encodeWithSelector(IPinpoint.WrongRoot.selector, posted));
        pinpoint.post(b, "", another);
        post(b);
    }

    /// @dev One post serves all games that wait for the items; each clock stops in the block of the post.
    function test_a_first_post_stops_the_clock_in_every_game() public {
        bytes32 a = accuse(challenger);
        uint256 start = blockNow();
        vm.roll(start + 4);
        bytes32 b = accuse(second);
        vm.roll(start + 10);
        post(a);
        vm.roll(start + 12);
        IPinpoint.GameView memory g = game(b);
        yes(g.turn == IPinpoint.Side.Challenger, "turn");
        eq(g.asserterClock, RESPONSE - 6, "asserter");
        eq(g.challengerClock, RESPONSE, "challenger");
        eq(g.since, start + 10, "since");
        choose(b, 1, ALL);
        eq(game(b).challengerClock, RESPONSE - 2 + RESPONSE / 2, "spent");
    }

    function test_a_first_post_too_late_for_another_game_does_not_save_it() public {
        bytes32 a = accuse(challenger);
        uint256 start = blockNow();
        vm.roll(start + RESPONSE);
        bytes32 b = accuse(second);
        vm.roll(start + RESPONSE + 3);
        post(b);
        yes(game(a).turn == IPinpoint.Side.Asserter, "still its turn");
        pinpoint.timeout(a);
        won(a, IPinpoint.Side.Challenger);
        refused(second, abi.encodeWithSelector(IPinpoint.GameOver.selector, b));
        pinpoint.concede(b);
    }

    function test_what_is_known_changes_nothing() public {
        accuse(challenger, some(acceptor));
        pinpoint.open(accusation(some(other)), challenger);
        IPinpoint.ClaimView memory c = pinpoint.claimOf(claimId);
        eq(c.challengers.length, 1, "challengers");
        eq(c.acceptors.length, 1, "acceptors");
        eq(c.seats.length, 1, "seats");
        concede(challenger, against(0, 0));
        pinpoint.open(accusation(some(other)), challenger);
        ruled(IArbiter.Ruling.Upheld);
    }

    /// @dev A challenger who loses on purpose cannot make a claim safe from the next one.
    function test_an_upheld_claim_can_be_challenged_again() public {
        concede(challenger, accuse(challenger));
        ruled(IArbiter.Ruling.Upheld);
        bytes32 b = accuse(second);
        ruled(IArbiter.Ruling.Pending);
        vm.roll(blockNow() + RESPONSE + 1);
        pinpoint.timeout(b);
        ruled(IArbiter.Ruling.Refuted);
        yes(!pinpoint.lost(address(this), entryHash, second), "the second one stands");
        accuse(stranger);
        eq(pinpoint.claimOf(claimId).challengers.length, 2, "refuted for good");
    }

    function test_accusations_are_checked() public {
        IArbiter.Accusation memory a = accusation(new address[](0));
        a.solver = address(0);
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.BadAccusation.selector));
        pinpoint.open(a, challenger);
        (a.solver, a.replicas) = (solver, 0);
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.BadAccusation.selector));
        pinpoint.open(a, challenger);
        (a.replicas, a.responsePeriod) = (1, 0);
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.BadAccusation.selector));
        pinpoint.open(a, challenger);
        a.responsePeriod = 1 << 30;
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.BadAccusation.selector));
        pinpoint.open(a, challenger);
        a.responsePeriod = 1;
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.BadAccusation.selector));
        pinpoint.open(a, address(0));
        a.acceptors = new address[](9);
        for (uint160 i = 0; i < 9; i++) {
            a.acceptors[i] = address(i + 1);
        }
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.ClaimFull.selector, claimId));
        pinpoint.open(a, challenger);
    }

    function test_claims_belong_to_their_court() public {
        accuse(challenger);
        IArbiter.Accusation memory a = accusation(new address[](0));
        vm.prank(stranger);
        pinpoint.open(a, second);
        eq(pinpoint.claimOf(claimId).challengers.length, 1, "ours");
        eq(pinpoint.claimOf(pinpoint.claimIdOf(stranger, entryHash)).challengers.length, 1, "theirs");
        refused(other, abi.encodeWithSelector(IPinpoint.NoClaim.selector, entryHash));
        pinpoint.extend(entryHash, other);
    }

    // ----------------------------------------------------------------- seats

    function test_an_acceptor_keeps_a_claim_that_its_solver_gives_up() public {
        bytes32 a = accuse(challenger, both());
        bytes32 b = accuse(second);
        uint256 until = blockNow() + RESPONSE;
        refusedDefence(acceptor, 0);
        concede(solver, a);
        ruled(IArbiter.Ruling.Pending);
        refusedDefence(stranger, until);
        defend(acceptor);
        refusedDefence(acceptor, until);
        refused(second, abi.encodeWithSelector(IPinpoint.GameOver.selector, b));
        pinpoint.concede(b);
        playToBlock(against(1, 0), 5, ALL);
        prove(against(1, 0), acceptor, blockProof(5));
        ruled(IArbiter.Ruling.Pending);
        concede(second, against(1, 1));
        ruled(IArbiter.Ruling.Upheld);
        refusedDefence(other, until);
        yes(pinpoint.lost(address(this), entryHash, solver), "its solver has lost");
        yes(!pinpoint.lost(address(this), entryHash, acceptor), "its acceptor stands");
        yes(pinpoint.lost(address(this), entryHash, challenger), "its challenger has lost");
    }

    function test_who_has_lost_is_out_of_all_games() public {
        accuse(challenger, both());
        concede(solver, against(0, 0));
        defend(acceptor);
        defend(other);
        concede(challenger, against(1, 0));
        refused(challenger, abi.encodeWithSelector(IPinpoint.GameOver.selector, against(2, 0)));
        pinpoint.concede(against(2, 0));
        ruled(IArbiter.Ruling.Upheld);
    }

    function test_seats_defend_side_by_side() public {
        accuse(challenger, both());
        concede(solver, against(0, 0));
        defend(acceptor);
        defend(other);
        concede(acceptor, against(1, 0));
        ruled(IArbiter.Ruling.Pending);
        post(against(2, 0));
        vm.roll(blockNow() + RESPONSE + 1);
        pinpoint.timeout(against(2, 0));
        ruled(IArbiter.Ruling.Upheld);
    }

    function test_the_last_seat_refutes_when_the_others_are_late() public {
        accuse(challenger, both());
        concede(solver, against(0, 0));
        uint256 until = blockNow() + RESPONSE;
        defend(acceptor);
        concede(acceptor, against(1, 0));
        ruled(IArbiter.Ruling.Pending);
        vm.roll(until + 1);
        refusedDefence(other, until);
        ruled(IArbiter.Ruling.Refuted);
        refusedExtension(until);
    }

    function refusedExtension(uint256 until) private {
        vm.expectRevert(abi.encodeWithSelector(IPinpoint.CannotDefend.selector, until));
        pinpoint.extend(entryHash, stranger);
    }

    function test_refuted_at_once_when_all_who_may_have_lost() public {
        accuse(challenger, some(acceptor));
        concede(solver, against(0, 0));
        defend(acceptor);
        concede(acceptor, against(1, 0));
        ruled(IArbiter.Ruling.Refuted);
    }

    function test_who_accepts_later_has_its_own_time() public {
        accuse(challenger);
        pinpoint.extend(entryHash, acceptor);
        pinpoint.extend(entryHash, acceptor);
        eq(pinpoint.claimOf(claimId).acceptors.length, 1, "once");
        concede(solver, against(0, 0));
        vm.roll(blockNow() + RESPONSE);
        pinpoint.extend(entryHash, other);
        vm.roll(blockNow() + RESPONSE);
        defend(other);
        eq(pinpoint.claimOf(claimId).seats.length, 2, "seats");
    }

    function test_a_second_seat_posts_for_itself() public {
        bytes32 a = accuse(challenger, some(acceptor));
        post(a);
        concede(solver, a);
        defend(acceptor);
        IPinpoint.GameView memory g = game(against(1, 0));
        yes(g.turn == IPinpoint.Side.Asserter && !g.rooted, "from the entry on");
        bytes memory mine = statement[IPinpoint.Level.Items].with(2, "mine").preimage(1, 0);
        vm.prank(acceptor);
        pinpoint.post(against(1, 0), "", mine);
        yes(game(against(1, 0)).node != game(a).node, "its own root");
    }

    // ------------------------------------------------------------------- gas

    function test_the_gas_of_challengers_is_metered() public {
        bytes32 a = accuse(challenger);
        post(a);
        eq(pinpoint.meteredGas(address(this), entryHash, challenger), 0, "nothing yet");
        choose(a, shape.item, ALL);
        uint256 once = pinpoint.meteredGas(address(this), entryHash, challenger);
        yes(once > 40_000 && once < 1_500_000, "one move");
        post(a);
        choose(a, shape.inputs, ALL);
        yes(pinpoint.meteredGas(address(this), entryHash, challenger) > once + 40_000, "two moves");
        eq(pinpoint.meteredGas(address(this), entryHash, second), 0, "another's");
    }
}
