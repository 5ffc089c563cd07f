// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {MAX_CHALLENGERS} from "../src/State.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract DisputesTest is Base {
    // -------------------------------------------------------------- refuted

    function test_a_refuted_claim_slashes_and_repays() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        commit(jobId);
        (address guilty, address honest) = (cell(jobId, 0), cell(jobId, 1));
        address standby = assay.solversOf(jobId)[2];
        address coordinator = job(jobId).lease;
        address accuser = verifierOf(jobId, w, 0);
        address acceptor = verifierOf(jobId, w, 3);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i != 0, i);
        }
        revealVerdict(jobId, w, 3, true, 3);
        revealVerdict(jobId, w, 0, false, 0);
        bytes32 entryHash = assay.entryOf(jobId, w, 0).entryHash;
        uint256 funds = assay.balanceOf(coordinator);
        refute(entryHash);

        eq(wealth(jobId, guilty), FUNDS - CLAIM, "the claim's stake is lost");
        eq(address(0xdead).balance, CLAIM / 2, "half is burned");
        eq(wealth(jobId, honest), FUNDS + 4 * 1000, "four voided entries are repaid");
        eq(assay.balanceOf(coordinator) - funds, 2 * 50, "two voided commits are repaid");
        uint256 left = CLAIM / 2 - 4000 - 100 - 100;
        uint256 fee = accuser == acceptor ? 100 : 0;
        eq(wealth(jobId, accuser), FUNDS + left + fee, "the rest is the accuser's");
        if (accuser != acceptor) eq(wealth(jobId, acceptor), FUNDS + 100, "voided verdict is repaid");

        IAssay.JobView memory v = job(jobId);
        eq(v.epoch, 2, "next epoch");
        eq(v.nextWindow, 0, "all windows are void");
        eq(v.root, "init", "resume from the last sound root");
        eq(cell(jobId, 0), standby, "the standby takes the replica");
        eq(cell(jobId, 1), honest, "the honest cell keeps its own");
        assay.unbond(jobId, guilty);
        for (uint256 i = 0; i < 3; i++) {
            finish(jobId);
        }
        eq(uint8(job(jobId).phase), uint8(IAssay.Phase.Settled), "and the job goes on to its end");
    }

    function test_a_second_refutation_of_a_solver_that_is_gone_slashes_and_voids_nothing_new() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address guilty = cell(jobId, 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i % 2 != 0, i);
        }
        revealVerdict(jobId, w, 0, false, 0);
        revealVerdict(jobId, w, 2, false, 2);
        bytes32 first = assay.entryOf(jobId, w, 0).entryHash;
        bytes32 second = assay.entryOf(jobId, w, 2).entryHash;
        refute(first);
        eq(job(jobId).epoch, 2, "the first refutation starts a new epoch");
        commit(jobId);
        refute(second);

        eq(wealth(jobId, guilty), FUNDS - 2 * CLAIM, "each claim's stake is lost");
        eq(job(jobId).epoch, 2, "the new epoch goes on");
        eq(job(jobId).nextWindow, 1, "with what it has committed");
    }

    function test_an_acceptor_of_a_refuted_claim_is_slashed_and_refuters_share() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        address acceptor = assay.entryOf(jobId, w, 1).verifier;
        uint256 stake = assay.seatOf(jobId, acceptor).stake;
        fund(stranger);
        vm.prank(stranger);
        assay.challenge(jobId, 1, w, 1);
        bytes32 entryHash = challenge(jobId, w, 1);
        refused(stranger, abi.encodeWithSelector(IAssay.CannotAccuse.selector, entryHash, stranger));
        assay.challenge(jobId, 1, w, 1);
        uint256 before = assay.balanceOf(stranger);
        refute(entryHash);
        eq(assay.seatOf(jobId, acceptor).stake, stake - VERDICT, "the acceptor's stake is lost");
        // Half repays 2 entries of the other cell, 3 verdicts, 1 commit; two refuters share.
        uint256 half = (CLAIM + VERDICT) / 2;
        uint256 share = (half - 2000 - 300 - 50) / 2;
        eq(assay.balanceOf(stranger) - before, share + BOND, "share and bond");
        eq(assay.balanceOf(whistleblower), FUNDS + share, "share and bond");
        eq(address(0xdead).balance, half, "burned");
    }

    function test_a_slash_leaves_final_windows_alone() public {
        bytes32 jobId = start();
        finish(jobId);
        uint32 w = commit(jobId);
        uint256 escrow = job(jobId).escrow;
        refute(challenge(jobId, w, 0));
        eq(job(jobId).nextWindow, 1, "from the last final window");
        eq(job(jobId).root, rootAt(4, 0), "root");
        eq(job(jobId).escrow, escrow, "the escrow pays for no voided work");
        eq(uint8(window(jobId, 0).status), uint8(IAssay.WindowStatus.Final), "final stays final");
    }

    function test_two_accused_claims_of_one_window_are_both_slashed() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        (address first, address second) = (cell(jobId, 0), cell(jobId, 1));
        bytes32 a = challenge(jobId, w, 0);
        bytes32 b = challenge(jobId, w, 1);
        refute(a);
        eq(wealth(jobId, second), FUNDS, "no repayment while accused");
        eq(assay.seatOf(jobId, second).reserved, CLAIM, "its accused claim stays reserved");
        refute(b);
        eq(wealth(jobId, first), FUNDS - CLAIM, "first");
        eq(wealth(jobId, second), FUNDS - CLAIM, "second");
        eq(job(jobId).replicas, 1, "one solver is left");
        finish(jobId);
    }

    function test_without_solvers_the_job_takes_bids_again() public {
        bytes32 jobId = start(defaults(), 1, 2);
        uint32 w = commit(jobId);
        refute(challenge(jobId, w, 0));
        IAssay.JobView memory v = job(jobId);
        eq(v.replicas, 0, "no cells");
        eq(v.bidsClose, block.number + 10, "bids");
        refused(v.lease, abi.encodeWithSelector(IAssay.WindowNotOpen.selector, 0));
        assay.claimLease(jobId);
        bid(jobId, stranger, IAssay.Role.Solver);
        vm.roll(v.bidsClose + 1);
        fund(whistleblower);
        refused(whistleblower, abi.encodeWithSelector(IAssay.BidsClosed.selector, IAssay.Role.Solver));
        assay.bid(jobId, IAssay.Role.Solver, 5 * CLAIM);
        vm.roll(v.bidsClose + 3);
        assay.assign(jobId);
        eq(cell(jobId, 0), stranger, "the new solver");
        eq(job(jobId).epoch, 3, "epoch");
        for (uint256 i = 0; i < 3; i++) {
            finish(jobId);
        }
    }

    /// @dev One verifier may reject several entries of a slot for the same reason.
    function test_a_verifier_drawn_twice_accuses_once() public {
        bytes32 jobId = start(defaults(), 3, 1);
        uint32 w = commitAndSeed(jobId);
        address verifier = actor("verifier", 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i > 1, i > 1 ? i : 1);
        }
        revealVerdict(jobId, w, 0, false, 1);
        revealVerdict(jobId, w, 1, false, 1);
        bytes32 entryHash = assay.entryOf(jobId, w, 1).entryHash;
        eq(assay.disputeOf(entryHash).accusers.length, 1, "one accuser");
        refute(entryHash);
        eq(assay.seatOf(jobId, verifier).reserved, 0, "both verdicts released");
        eq(wealth(jobId, verifier), FUNDS + CLAIM / 2 - 2000 - 50, "and one bounty");
    }

    // --------------------------------------------------------------- upheld

    function test_an_upheld_claim_goes_on_and_its_accusers_pay() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address accused = cell(jobId, 0);
        address rejecting = verifierOf(jobId, w, 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i != 0, i);
        }
        for (uint16 i = 0; i < 4; i++) {
            revealVerdict(jobId, w, i, i != 0, i);
        }
        bytes32 entryHash = challenge(jobId, w, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssay.RulingPending.selector, entryHash));
        assay.resolve(entryHash);
        uint256 before = wealth(jobId, rejecting);
        uphold(entryHash);
        eq(before - wealth(jobId, rejecting), VERDICT, "the verdict's stake");
        eq(assay.balanceOf(whistleblower), FUNDS - BOND, "the bond");
        eq(wealth(jobId, accused), FUNDS + (VERDICT + BOND) / 2, "half of both to the solver");
        eq(address(0xdead).balance, (VERDICT + BOND) / 2, "half is burned");
        yes(!assay.entryOf(jobId, w, 0).accepted, "accepted by nobody");
        vm.expectRevert(abi.encodeWithSelector(IAssay.NoDispute.selector, entryHash));
        assay.resolve(entryHash);
        uint256 escrow = job(jobId).escrow;
        settle(jobId, w);
        eq(escrow - job(jobId).escrow, 4 * 1000 + 3 * 100 + 50, "no fee for the verdict that was wrong");
        eq(assay.seatOf(jobId, accused).reserved, 0, "released");
    }

    /// @dev A dispute outlives its window: the claim and its acceptor stay reserved until the ruling.
    function test_a_dispute_over_a_void_window_still_ends() public {
        bytes32 jobId = start(defaults(), 4, 3);
        uint32 w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        address accused = cell(jobId, 1);
        address acceptor = assay.entryOf(jobId, w, 1).verifier;
        bytes32 open = challenge(jobId, w, 1);
        refute(challenge(jobId, w, 0));
        eq(assay.seatOf(jobId, accused).reserved, CLAIM, "claim");
        yes(assay.seatOf(jobId, acceptor).reserved >= VERDICT, "verdict");
        uint32 again = commit(jobId);
        uphold(open);
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "verdict released");
        eq(assay.seatOf(jobId, accused).reserved, 2 * CLAIM, "old claim released, new claims stand");
        yes(window(jobId, again).status == IAssay.WindowStatus.Committed, "the new window stands");
        eq(cell(jobId, 1), accused, "and the accused goes on");
    }

    /// @dev The window is voided while a false accusation of another entry by its verifier is open: nothing of it comes to life again.
    function test_a_rejection_of_a_void_window_is_settled_all_the_same() public {
        bytes32 jobId = start(defaults(), 4, 3);
        uint32 w = commitAndSeed(jobId);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i != 1, i);
        }
        revealVerdict(jobId, w, 1, false, 1);
        address verifier = assay.entryOf(jobId, w, 1).verifier;
        bytes32 entryHash = assay.entryOf(jobId, w, 1).entryHash;
        uint256 stake = assay.seatOf(jobId, verifier).stake;
        refute(challenge(jobId, w, 0));
        uint32 again = commitAndSeed(jobId);
        eq(assay.seatOf(jobId, verifier).reserved, VERDICT, "the rejection holds its stake");
        uphold(entryHash);
        eq(assay.seatOf(jobId, verifier).stake, stake - VERDICT, "which is lost");
        eq(assay.seatOf(jobId, verifier).reserved, 0, "released");
        eq(window(jobId, again).accepted, 0, "it judges nothing of the new window");
        acceptAll(jobId, again);
        settle(jobId, again);
    }

    // ------------------------------------------------------------ challenge

    function test_challenge_refusals() public {
        bytes32 jobId = start();
        fund(whistleblower);
        refused(whistleblower, abi.encodeWithSelector(IAssay.WrongWindow.selector, 0));
        assay.challenge(jobId, 1, 0, 0);
        uint32 w = commitAndSeed(jobId);
        refused(whistleblower, abi.encodeWithSelector(IAssay.WrongEpoch.selector, 1));
        assay.challenge(jobId, 2, w, 0);
        refused(whistleblower, abi.encodeWithSelector(IAssay.OutOfRange.selector, 4));
        assay.challenge(jobId, 1, w, 4);
        refused(submitter, abi.encodeWithSelector(IAssay.InsufficientBalance.selector, BOND, 0));
        assay.challenge(jobId, 1, w, 0);
        acceptAll(jobId, w);
        uint48 until = window(jobId, w).challengesUntil;
        vm.roll(until + 1);
        refused(whistleblower, abi.encodeWithSelector(IAssay.TooLate.selector, until));
        assay.challenge(jobId, 1, w, 0);
        w = commit(jobId);
        vm.roll(job(jobId).deadline + 1);
        refused(whistleblower, abi.encodeWithSelector(IAssay.TooLate.selector, job(jobId).deadline));
        assay.challenge(jobId, 1, w, 0);
    }

    function test_a_dispute_takes_a_bounded_number_of_accusers() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        for (uint256 i = 0; i < MAX_CHALLENGERS; i++) {
            address one = actor("accuser", i);
            fund(one);
            vm.prank(one);
            assay.challenge(jobId, 1, w, 0);
        }
        bytes32 entryHash = assay.entryOf(jobId, w, 0).entryHash;
        fund(stranger);
        refused(stranger, abi.encodeWithSelector(IAssay.CannotAccuse.selector, entryHash, stranger));
        assay.challenge(jobId, 1, w, 0);
    }
}
