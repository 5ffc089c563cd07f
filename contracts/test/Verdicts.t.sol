// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract VerdictsTest is Base {
    function test_only_the_drawn_verifier_commits_once_and_in_time() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address verifier = verifierOf(jobId, w, 0);
        refused(stranger, abi.encodeWithSelector(IAssay.NotDrawn.selector, 0, verifier));
        assay.commitVerdict(jobId, 1, w, 0, "hash");
        refused(verifier, abi.encodeWithSelector(IAssay.WrongEpoch.selector, 1));
        assay.commitVerdict(jobId, 2, w, 0, "hash");
        refused(verifier, abi.encodeWithSelector(IAssay.WrongWindow.selector, 1));
        assay.commitVerdict(jobId, 1, 1, 0, "hash");
        commitVerdict(jobId, w, 0, true, 0);
        eq(assay.seatOf(jobId, verifier).reserved, VERDICT, "verdict stake");
        refused(verifier, abi.encodeWithSelector(IAssay.VerdictGiven.selector, 0));
        assay.commitVerdict(jobId, 1, w, 0, "hash");
        uint48 until = window(jobId, w).verdictsUntil;
        vm.roll(until + 1);
        refused(verifierOf(jobId, w, 1), abi.encodeWithSelector(IAssay.TooLate.selector, until));
        assay.commitVerdict(jobId, 1, w, 1, "hash");
    }

    function test_a_verdict_on_an_entry_that_was_not_drawn_is_invalid() public {
        IAssay.JobTerms memory t = defaults();
        t.sampleRate = 1;
        t.claimStake = 2000 * 2 ** 64;
        bytes32 jobId = start(t, 2, 1);
        uint32 w = commitAndSeed(jobId);
        address verifier = verifierOf(jobId, w, 0);
        refused(verifier, abi.encodeWithSelector(IAssay.NotDrawn.selector, 2, address(0)));
        assay.commitVerdict(jobId, 1, w, 2, "hash");
        refused(verifier, abi.encodeWithSelector(IAssay.NotDrawn.selector, 2, address(0)));
        assay.abstain(jobId, 1, w, 2);
    }

    function test_reveal_waits_for_all_commitments_or_the_deadline() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        commitVerdict(jobId, w, 0, true, 0);
        address verifier = verifierOf(jobId, w, 0);
        refused(verifier, abi.encodeWithSelector(IAssay.VerdictsPending.selector, 14));
        assay.revealVerdict(jobId, 1, w, 0, true, 0, DIGEST, SALT);
        vm.roll(window(jobId, w).verdictsUntil + 1);
        revealVerdict(jobId, w, 0, true, 0);
        yes(assay.entryOf(jobId, w, 0).accepted, "accepted");
    }

    function test_reveal_refusals() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        for (uint16 i = 0; i < 3; i++) {
            commitVerdict(jobId, w, i, true, i);
        }
        vm.roll(window(jobId, w).verdictsUntil + 1);
        address verifier = verifierOf(jobId, w, 0);
        refused(stranger, abi.encodeWithSelector(IAssay.NotDrawn.selector, 0, verifier));
        assay.revealVerdict(jobId, 1, w, 0, true, 0, DIGEST, SALT);
        refused(verifier, abi.encodeWithSelector(IAssay.WrongCommitment.selector, 0));
        assay.revealVerdict(jobId, 1, w, 0, true, 0, DIGEST, "other");
        refused(verifier, abi.encodeWithSelector(IAssay.WrongCommitment.selector, 0));
        assay.revealVerdict(jobId, 1, w, 0, false, 0, DIGEST, SALT);
        refused(verifier, abi.encodeWithSelector(IAssay.WrongTarget.selector, 1));
        assay.revealVerdict(jobId, 1, w, 0, true, 1, DIGEST, SALT);
        refused(verifier, abi.encodeWithSelector(IAssay.WrongTarget.selector, 2));
        assay.revealVerdict(jobId, 1, w, 0, false, 2, DIGEST, SALT);
        refused(verifier, abi.encodeWithSelector(IAssay.WrongCommitment.selector, 3));
        assay.revealVerdict(jobId, 1, w, 3, true, 3, DIGEST, SALT);
        refused(verifier, abi.encodeWithSelector(IAssay.OutOfRange.selector, 4));
        assay.revealVerdict(jobId, 1, w, 4, true, 4, DIGEST, SALT);
        revealVerdict(jobId, w, 0, true, 0);
        refused(verifier, abi.encodeWithSelector(IAssay.VerdictGiven.selector, 0));
        assay.revealVerdict(jobId, 1, w, 0, true, 0, DIGEST, SALT);
        uint48 until = window(jobId, w).revealsUntil;
        vm.roll(until + 1);
        refused(verifierOf(jobId, w, 1), abi.encodeWithSelector(IAssay.TooLate.selector, until));
        assay.revealVerdict(jobId, 1, w, 1, true, 1, DIGEST, SALT);
    }

    function test_a_rejection_may_accuse_the_other_replica_of_its_slot() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i != 2, i == 2 ? 3 : i);
        }
        address verifier = verifierOf(jobId, w, 2);
        revealVerdict(jobId, w, 2, false, 3);
        IAssay.DisputeView memory d = assay.disputeOf(assay.entryOf(jobId, w, 3).entryHash);
        eq(d.solver, cell(jobId, 1), "accused");
        eq(d.accusers[0], verifier, "accuser");
        eq(assay.seatOf(jobId, cell(jobId, 1)).accused, 1, "accused once");
        eq(assay.seatOf(jobId, cell(jobId, 0)).accused, 0, "the other is not");
    }

    // --------------------------------------------------------------- redraw

    function test_who_misses_a_verdict_pays_and_another_is_drawn() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address absent = verifierOf(jobId, w, 1);
        address silent = verifierOf(jobId, w, 2);
        for (uint16 i = 0; i < 4; i++) {
            if (i != 1) commitVerdict(jobId, w, i, true, i);
        }
        uint48 until = window(jobId, w).verdictsUntil;
        vm.roll(until + 1);
        revealVerdict(jobId, w, 0, true, 0);
        revealVerdict(jobId, w, 3, true, 3);
        until = window(jobId, w).revealsUntil;
        vm.roll(until);
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooEarly.selector, until + 1));
        assay.redraw(jobId, w);
        vm.roll(until + 1);
        uint256 stakes = assay.seatOf(jobId, absent).stake + assay.seatOf(jobId, silent).stake;
        uint256 burned = address(0xdead).balance;
        assay.redraw(jobId, w);
        eq(address(0xdead).balance - burned, 2 * VERDICT, "two verdict stakes burned");
        uint256 left = assay.seatOf(jobId, absent).stake + assay.seatOf(jobId, silent).stake;
        eq(stakes - left, (absent == silent ? 4 : 2) * VERDICT, "paid by them");
        yes(verifierOf(jobId, w, 1) != absent && verifierOf(jobId, w, 2) != silent, "others are drawn");
        eq(window(jobId, w).round, 1, "round");
        commitVerdict(jobId, w, 1, true, 1);
        commitVerdict(jobId, w, 2, true, 2);
        revealVerdict(jobId, w, 1, true, 1);
        revealVerdict(jobId, w, 2, true, 2);
        settle(jobId, w);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongWindow.selector, w));
        assay.redraw(jobId, w);
    }

    function test_abstaining_costs_nothing() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address[4] memory first;
        for (uint16 i = 0; i < 4; i++) {
            first[i] = verifierOf(jobId, w, i);
            vm.prank(first[i]);
            assay.abstain(jobId, 1, w, i);
        }
        refused(first[0], abi.encodeWithSelector(IAssay.VerdictGiven.selector, 0));
        assay.abstain(jobId, 1, w, 0);
        assay.redraw(jobId, w);
        for (uint16 i = 0; i < 4; i++) {
            eq(assay.seatOf(jobId, first[i]).stake, 8 * VERDICT, "stake");
            yes(verifierOf(jobId, w, i) != first[i], "another is drawn");
        }
        acceptAll(jobId, w);
        settle(jobId, w);
    }

    function test_redraw_refusals() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotSeeded.selector, w));
        assay.redraw(jobId, w);
        seed(jobId, w);
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooEarly.selector, window(jobId, w).verdictsUntil + 1));
        assay.redraw(jobId, w);
        bytes32 entryHash = challenge(jobId, w, 0);
        vm.roll(window(jobId, w).revealsUntil + 1);
        // A dispute shelters nobody who stays silent.
        assay.redraw(jobId, w);
        eq(window(jobId, w).round, 1, "drawn anew");
        refute(entryHash);
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NothingMissing.selector, w));
        assay.redraw(jobId, w);
    }

    /// @dev After the last round: void, unpaid, unslashed; at the second lapse the cell nobody could judge leaves.
    function test_a_window_nobody_judges_lapses() public {
        bytes32 jobId = start();
        address[3] memory before = [cell(jobId, 0), cell(jobId, 1), assay.solversOf(jobId)[2]];
        lapse(jobId);
        IAssay.JobView memory v = job(jobId);
        eq(v.epoch, 2, "epoch");
        eq(v.nextWindow, 0, "redone");
        eq(v.root, "init", "root");
        eq(cell(jobId, 0), before[0], "same cells after one lapse");
        eq(wealth(jobId, before[0]), FUNDS, "unpaid and unslashed");
        eq(assay.seatOf(jobId, before[0]).reserved, 0, "released");
        lapse(jobId);
        eq(cell(jobId, 0), before[2], "the standby takes over after two");
        eq(cell(jobId, 1), before[1], "the other goes on");
        assay.unbond(jobId, before[0]);
        eq(assay.balanceOf(before[0]), FUNDS, "the leaver has its stake back");
        finish(jobId);
    }

    function lapse(bytes32 jobId) private {
        uint32 w = commitAndSeed(jobId);
        commit(jobId);
        uint32 epoch = job(jobId).epoch;
        for (uint256 round = 0; round < 3; round++) {
            for (uint16 i = 0; i < 4; i++) {
                vm.prank(verifierOf(jobId, w, i));
                assay.abstain(jobId, epoch, w, i);
            }
            assay.redraw(jobId, w);
        }
        eq(uint8(window(jobId, w).status), uint8(IAssay.WindowStatus.Void), "void");
        eq(uint8(window(jobId, w + 1).status), uint8(IAssay.WindowStatus.Void), "and what was built on it");
    }

    function test_a_small_pool_lapses_earlier() public {
        bytes32 jobId = start(defaults(), 2, 1);
        uint32 w = commitAndSeed(jobId);
        vm.roll(window(jobId, w).verdictsUntil + 1);
        assay.redraw(jobId, w);
        eq(job(jobId).epoch, 2, "lapsed");
    }

    /// @dev Every round draws somebody new while there are verifiers left.
    function testFuzz_rounds_draw_different_verifiers(uint8 verifiers) public {
        bytes32 jobId = start(defaults(), 2, verifiers % 4 + 3);
        uint32 w = commitAndSeed(jobId);
        address[3] memory drawn;
        for (uint256 round = 0; round < 3; round++) {
            drawn[round] = verifierOf(jobId, w, 1);
            yes(assay.seatOf(jobId, drawn[round]).role == IAssay.Role.Verifier, "from the pool");
            for (uint256 earlier = 0; earlier < round; earlier++) {
                yes(drawn[round] != drawn[earlier], "somebody new");
            }
            vm.roll(window(jobId, w).verdictsUntil + 1);
            assay.redraw(jobId, w);
        }
    }

    function test_a_verifier_without_stake_left_cannot_judge() public {
        bytes32 jobId = start(defaults(), 2, 1);
        address verifier = actor("verifier", 0);
        // Four missed verdicts a window: the seat of eight is empty after two windows.
        for (uint256 i = 0; i < 2; i++) {
            uint32 lost = commitAndSeed(jobId);
            vm.roll(window(jobId, lost).verdictsUntil + 1);
            assay.redraw(jobId, lost);
        }
        eq(assay.seatOf(jobId, verifier).stake, 0, "nothing left");
        fund(stranger);
        vm.prank(stranger);
        assay.bid(jobId, IAssay.Role.Solver, 5 * CLAIM);
        uint32 w = commitAndSeed(jobId);
        uint32 epoch = job(jobId).epoch;
        refused(verifier, abi.encodeWithSelector(IAssay.InsufficientSeat.selector, verifier, VERDICT, 0));
        assay.commitVerdict(jobId, epoch, w, 0, "hash");
    }
}
