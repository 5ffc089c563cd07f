// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {Games} from "./Games.sol";
import {vm} from "./Vm.sol";

/// @dev Whole disputes with the game as the arbiter: what it says, the contract carries out.
contract GamesTest is Games {
    bytes32 private jobId;
    uint32 private w;
    bytes32 private entryHash;
    bytes32 private game;
    address private solver;
    address private acceptor;

    function setUp() public override {
        super.setUp();
        jobId = start(playable(), 3, 3);
        w = commitKept(jobId);
        seed(jobId, w);
        solver = cell(jobId, 0);
        entryHash = assay.entryOf(jobId, w, 0).entryHash;
        game = gameId(entryHash, 0, 0);
    }

    function accepted() private {
        acceptAll(jobId, w);
        acceptor = assay.entryOf(jobId, w, 0).verifier;
    }

    function concede(address player, bytes32 which) private {
        vm.prank(player);
        pinpoint.concede(which);
    }

    function ruled(IArbiter.Ruling ruling) private view {
        yes(pinpoint.ruling(address(assay), entryHash) == ruling, "ruling");
    }

    function test_a_false_claim_is_refuted_by_proof_and_gas_is_repaid() public {
        challenge(jobId, w, 0);
        postItems(entryHash, game, solver, false);
        chooseRoot(entryHash, game, whistleblower);
        proveRoot(entryHash, game, whistleblower, false);
        uint256 gas = pinpoint.meteredGas(address(assay), entryHash, whistleblower);
        yes(gas > 50_000 && gas < GAME, "two moves were metered");
        carryOut(entryHash);
        yes(refuted(entryHash), "refuted");
        eq(wealth(jobId, solver), FUNDS - CLAIM, "slashed");
        uint256 share = CLAIM / 2 - gas - 2000 - 50;
        eq(assay.balanceOf(whistleblower), FUNDS + gas + share, "gas and bounty");
    }

    function test_a_true_claim_is_upheld_by_proof() public {
        accepted();
        challenge(jobId, w, 0);
        postItems(entryHash, game, solver, true);
        chooseRoot(entryHash, game, whistleblower);
        proveRoot(entryHash, game, solver, true);
        carryOut(entryHash);
        ruled(IArbiter.Ruling.Upheld);
        eq(wealth(jobId, solver), FUNDS + BOND / 2, "half the bond");
        settle(jobId, w);
    }

    /// @dev The seats answer for every item that they have posted, and so they play any number of challengers.
    function test_a_claim_that_was_upheld_is_refuted_by_the_next() public {
        accepted();
        address other = acceptor;
        fund(stranger);
        vm.prank(stranger);
        assay.challenge(jobId, 1, w, 0);
        postItems(entryHash, game, solver, false);
        concede(stranger, game);
        carryOut(entryHash);
        ruled(IArbiter.Ruling.Upheld);
        challenge(jobId, w, 0);
        ruled(IArbiter.Ruling.Pending);
        bytes32 next = gameId(entryHash, 0, 1);
        chooseRoot(entryHash, next, whistleblower);
        proveRoot(entryHash, next, whistleblower, false);
        ruled(IArbiter.Ruling.Pending);
        vm.roll(block.number + 7); // the acceptor does not defend it
        uint256 stake = assay.seatOf(jobId, other).stake;
        carryOut(entryHash);
        yes(refuted(entryHash), "refuted");
        eq(stake - assay.seatOf(jobId, other).stake, VERDICT, "its acceptor is slashed");
        eq(wealth(jobId, solver), FUNDS + BOND / 2 - CLAIM, "and its solver");
    }

    function test_a_deserted_claim_is_saved_by_its_acceptor() public {
        accepted();
        challenge(jobId, w, 0);
        concede(solver, game);
        vm.prank(acceptor);
        pinpoint.defend(address(assay), entryHash);
        bytes32 own = gameId(entryHash, 1, 0);
        postItems(entryHash, own, acceptor, true);
        vm.roll(block.number + 7);
        pinpoint.timeout(own);
        carryOut(entryHash);
        ruled(IArbiter.Ruling.Upheld);
        eq(wealth(jobId, solver), FUNDS - CLAIM, "the deserter is slashed");
        eq(wealth(jobId, acceptor), FUNDS + (CLAIM + BOND) / 2, "half to the acceptor");
        yes(assay.seatOf(jobId, solver).left, "and it leaves");
        vm.roll(window(jobId, w).challengesUntil + 1);
        assay.settleWindow(jobId, w);
        assay.unbond(jobId, solver);
    }

    /// @dev An acceptance that is revealed while the solver loses counts from its reveal on.
    function test_an_acceptance_during_a_game_takes_a_seat() public {
        commitAll(jobId, w);
        challenge(jobId, w, 0);
        vm.roll(block.number + 5);
        revealVerdict(jobId, w, 0, true, 0);
        acceptor = assay.entryOf(jobId, w, 0).verifier;
        vm.roll(block.number + 2);
        pinpoint.timeout(game);
        ruled(IArbiter.Ruling.Pending);
        vm.roll(block.number + 6);
        vm.prank(acceptor);
        pinpoint.defend(address(assay), entryHash);
        concede(whistleblower, gameId(entryHash, 1, 0));
        carryOut(entryHash);
        ruled(IArbiter.Ruling.Upheld);
        eq(assay.seatOf(jobId, acceptor).stake, 8 * VERDICT, "nothing is lost");
    }

    /// @dev Nobody accepted it in time: a seat that is gone cannot be replaced by an acceptance.
    function test_a_lost_claim_cannot_be_accepted_any_more() public {
        commitAll(jobId, w);
        challenge(jobId, w, 0);
        concede(solver, game);
        acceptor = assay.entryOf(jobId, w, 0).verifier;
        refused(acceptor, abi.encodeWithSelector(IAssay.RulingDue.selector, entryHash));
        assay.revealVerdict(jobId, 1, w, 0, true, 0, DIGEST, SALT);
        carryOut(entryHash);
        yes(refuted(entryHash), "refuted");
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "released");
    }
}
