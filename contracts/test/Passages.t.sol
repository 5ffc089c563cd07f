// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev Accusers that have lost because the lie is another replica's: what becomes of their stakes, and of the window.
contract PassagesTest is Base {
    bytes32 private jobId;
    uint32 private w;

    function hashOf(uint16 i) private view returns (bytes32) {
        return assay.entryOf(jobId, w, i).entryHash;
    }

    function accuse(address account, uint16 i) private {
        if (assay.balanceOf(account) == 0) fund(account);
        uint32 epoch = window(jobId, w).epoch;
        vm.prank(account);
        assay.challenge(jobId, epoch, w, i);
    }

    /// @dev A window in which every entry is accepted, the first of which somebody accuses, to be passed on to its partner.
    function accused(address account) private {
        jobId = start();
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        accuse(account, 0);
        oracle.pass(hashOf(0), account, 1);
    }

    function pending(uint16 i) private view returns (bool) {
        return assay.entryOf(jobId, w, i).disputed;
    }

    function accuserOf(uint16 i) private view returns (address) {
        IAssay.DisputeView memory d = assay.disputeOf(hashOf(i));
        eq(d.accusers.length, 1, "one accuser");
        return d.accusers[0];
    }

    function settled() private {
        if (window(jobId, w).status == IAssay.WindowStatus.Committed) settle(jobId, w);
        while (job(jobId).phase == IAssay.Phase.Active) {
            finish(jobId);
        }
        uint256 owed = job(jobId).escrow + wealth(jobId, submitter) + wealth(jobId, whistleblower);
        owed += wealth(jobId, stranger);
        for (uint256 i = 0; i < 9; i++) {
            owed += wealth(jobId, actor("solver", i)) + wealth(jobId, actor("verifier", i));
            owed += wealth(jobId, actor("coordinator", i)) + wealth(jobId, actor("accuser", i));
            eq(assay.seatOf(jobId, actor("verifier", i)).reserved, 0, "nothing stays reserved");
            eq(assay.seatOf(jobId, actor("solver", i)).reserved, 0, "nothing stays reserved");
        }
        eq(address(assay).balance, owed, "the contract holds what it owes");
    }

    // --------------------------------------------------------------- onward

    function test_a_challenge_is_passed_on_to_who_has_lied() public {
        accused(whistleblower);
        address honest = cell(jobId, 0);
        address liar = cell(jobId, 1);
        uphold(hashOf(0));
        yes(!pending(0) && pending(1), "it accuses the partner");
        eq(accuserOf(1), whistleblower, "the accuser");
        eq(assay.balanceOf(whistleblower), FUNDS - BOND, "with the same bond");
        eq(wealth(jobId, honest), FUNDS, "nobody has paid for it");
        eq(window(jobId, w).openDisputes, 1, "the window waits for the other dispute");
        refute(hashOf(1));
        yes(assay.balanceOf(whistleblower) > FUNDS, "the bounty");
        eq(wealth(jobId, liar), FUNDS - CLAIM, "slashed");
        yes(wealth(jobId, honest) >= FUNDS, "who was accused first is compensated for voided work");
        settled();
    }

    function test_an_accuser_that_loses_there_too_forfeits() public {
        accused(whistleblower);
        // Back to the first entry, against which it has lost.
        oracle.pass(hashOf(1), whistleblower, 0);
        uphold(hashOf(0));
        uphold(hashOf(1));
        eq(assay.balanceOf(whistleblower), FUNDS - BOND, "the bond is gone");
        eq(wealth(jobId, cell(jobId, 1)), FUNDS + BOND / 2, "to the seat that stood");
        yes(!pending(0) && !pending(1), "no dispute is left");
        settled();
    }

    function test_nobody_is_passed_on_twice() public {
        IAssay.JobTerms memory t = defaults();
        (t.replicas, t.entriesPerWindow) = (4, 1);
        jobId = start(t, 5, 3);
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        accuse(whistleblower, 3);
        oracle.pass(hashOf(3), whistleblower, 2);
        oracle.pass(hashOf(2), whistleblower, 1);
        uphold(hashOf(3));
        uphold(hashOf(2));
        eq(assay.balanceOf(whistleblower), FUNDS - BOND, "the bond is gone");
        yes(!pending(1), "nobody else is accused");
        settled();
    }

    function rejected() private returns (address verifier) {
        jobId = start();
        w = commitAndSeed(jobId);
        verifier = verifierOf(jobId, w, 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i > 0, i);
        }
        for (uint16 i = 0; i < 4; i++) {
            revealVerdict(jobId, w, i, i > 0, i);
        }
        oracle.pass(hashOf(0), verifier, 1);
        uphold(hashOf(0));
        eq(accuserOf(1), verifier, "the accuser");
        IAssay.WindowView memory v = window(jobId, w);
        yes(v.committed == 15 && v.rejected == 1 && v.accepted == 14, "the verdict stands for the accusation");
        eq(v.challengesUntil, 0, "the window is not verified");
        vm.expectRevert(abi.encodeWithSelector(IAssay.NothingMissing.selector, w));
        assay.redraw(jobId, w);
    }

    function test_a_rejection_that_is_passed_on_earns_the_bounty() public {
        address verifier = rejected();
        address liar = cell(jobId, 1);
        refute(hashOf(1));
        yes(wealth(jobId, verifier) > FUNDS, "the bounty");
        eq(wealth(jobId, liar), FUNDS - CLAIM, "slashed");
        settled();
    }

    function test_a_rejection_that_is_passed_on_in_vain_costs_one_stake() public {
        address verifier = rejected();
        uphold(hashOf(1));
        IAssay.WindowView memory v = window(jobId, w);
        yes(v.committed == 14 && v.rejected == 0 && v.accepted == 15, "accepted, by nobody");
        yes(v.challengesUntil > 0, "verified");
        eq(wealth(jobId, verifier), FUNDS - VERDICT, "one verdict's stake");
        settled();
    }

    /// @dev Whatever it has staked on its accusation goes along.
    function test_bond_and_verdict_of_one_account_go_along() public {
        jobId = start();
        w = commitAndSeed(jobId);
        address verifier = verifierOf(jobId, w, 0);
        fund(verifier);
        accuse(verifier, 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i > 0, i);
        }
        for (uint16 i = 0; i < 4; i++) {
            revealVerdict(jobId, w, i, i > 0, i);
        }
        oracle.pass(hashOf(0), verifier, 1);
        uphold(hashOf(0));
        uint256 before = wealth(jobId, verifier);
        uphold(hashOf(1));
        eq(wealth(jobId, verifier), before - VERDICT, "the verdict");
        eq(wealth(jobId, cell(jobId, 1)), FUNDS + (BOND + VERDICT) / 2, "and the bond, half of them");
        settled();
    }

    /// @dev The dispute over the partner was closed: it is opened again, as by a new challenge.
    function test_a_closed_dispute_opens_again() public {
        accused(whistleblower);
        accuse(stranger, 1);
        vm.roll(block.number + 7);
        carryOut(hashOf(1));
        carryOut(hashOf(0));
        eq(accuserOf(1), whistleblower, "the accuser");
        refute(hashOf(1));
        eq(assay.balanceOf(stranger), FUNDS - BOND, "who has lost to it before has lost");
        settled();
    }

    /// @dev It is in time if the first accusation was.
    function test_a_passage_is_in_time_after_the_challenge_period() public {
        jobId = start();
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        uint48 until = window(jobId, w).challengesUntil;
        vm.roll(until);
        accuse(whistleblower, 0);
        oracle.pass(hashOf(0), whistleblower, 1);
        uphold(hashOf(0));
        yes(block.number > until && pending(1), "accused");
        vm.expectRevert(abi.encodeWithSelector(IAssay.DisputeOpen.selector, 1));
        assay.settleWindow(jobId, w);
        refute(hashOf(1));
        settled();
    }

    // ------------------------------------------------------------- returned

    function returned() private {
        eq(assay.balanceOf(whistleblower), FUNDS, "the bond is back");
    }

    function test_a_bond_comes_back_where_the_window_is_void() public {
        accused(whistleblower);
        accuse(stranger, 2);
        refute(hashOf(2));
        uphold(hashOf(0));
        returned();
        yes(!pending(1), "nobody else is accused");
        settled();
    }

    function test_a_bond_comes_back_where_the_next_dispute_is_full() public {
        accused(whistleblower);
        for (uint256 i = 0; i < 8; i++) {
            accuse(actor("accuser", i), 1);
        }
        uphold(hashOf(0));
        returned();
        eq(assay.disputeOf(hashOf(1)).accusers.length, 8, "the others go on");
        uphold(hashOf(1));
        settled();
    }

    /// @dev Of nine that are passed on one finds no place.
    function test_places_are_taken_in_order() public {
        accused(whistleblower);
        for (uint256 i = 0; i < 7; i++) {
            accuse(actor("accuser", i), 0);
            oracle.pass(hashOf(0), actor("accuser", i), 1);
        }
        accuse(stranger, 1);
        uphold(hashOf(0));
        eq(assay.disputeOf(hashOf(1)).accusers.length, 8, "full");
        eq(assay.balanceOf(whistleblower), FUNDS - BOND, "the first has a place");
        eq(assay.balanceOf(actor("accuser", 6)), FUNDS, "the last has none");
        refute(hashOf(1));
        settled();
    }

    function test_a_bond_comes_back_to_who_accuses_the_next_entry_already() public {
        accused(whistleblower);
        vm.roll(block.number + 5);
        accuse(whistleblower, 1);
        vm.roll(block.number + 2);
        carryOut(hashOf(0));
        eq(assay.balanceOf(whistleblower), FUNDS - BOND, "one of two");
        refute(hashOf(1));
        settled();
    }

    function test_a_bond_comes_back_where_somebody_else_has_refuted_the_next_claim() public {
        accused(whistleblower);
        accuse(stranger, 1);
        oracle.tell(hashOf(1), true);
        uphold(hashOf(0));
        returned();
        carryOut(hashOf(1));
        yes(refuted(hashOf(1)), "by the other one");
        settled();
    }

    /// @dev It was right about the slot, which is void.
    function test_a_bond_comes_back_where_others_refute_the_claim() public {
        accused(whistleblower);
        accuse(stranger, 0);
        oracle.silence(whistleblower, true);
        refute(hashOf(0));
        returned();
        yes(assay.balanceOf(stranger) > FUNDS, "the bounty is the other's");
        settled();
    }

    function test_a_verdict_of_a_void_window_comes_back() public {
        jobId = start();
        w = commitAndSeed(jobId);
        address verifier = verifierOf(jobId, w, 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i > 0, i);
        }
        revealVerdict(jobId, w, 0, false, 0);
        oracle.pass(hashOf(0), verifier, 1);
        accuse(stranger, 2);
        refute(hashOf(2));
        uphold(hashOf(0));
        yes(wealth(jobId, verifier) >= FUNDS, "nothing is lost");
        settled();
    }

    // ------------------------------------------------------------ forfeited

    /// @dev A solver knows what it has sent: whom it accuses of that it accuses in vain.
    function test_a_solver_that_is_passed_on_to_itself_forfeits() public {
        jobId = start();
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        address solver = cell(jobId, 1);
        uint256 before = wealth(jobId, solver);
        accuse(solver, 0);
        oracle.pass(hashOf(0), solver, 1);
        uphold(hashOf(0));
        yes(!pending(1), "it does not accuse itself");
        eq(wealth(jobId, solver), before - BOND, "the bond is gone");
        eq(wealth(jobId, cell(jobId, 0)), FUNDS + BOND / 2, "half of it to the accused");
        settled();
    }

    /// @dev What an arbiter says of somebody who has not lost does not count.
    function test_who_has_won_is_not_passed_on() public {
        accused(whistleblower);
        refute(hashOf(0));
        yes(assay.balanceOf(whistleblower) > FUNDS, "the bounty");
        IArbiter.Ruling ruling = assay.disputeOf(hashOf(0)).ruling;
        yes(ruling == IArbiter.Ruling.Refuted, "refuted");
        settled();
    }
}
