// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev Takes its balance out, and tries to take it again while it is being paid.
contract Reentrant {
    IAssay private immutable ASSAY;
    bool public refused;

    constructor(IAssay assay) payable {
        ASSAY = assay;
        assay.deposit{value: msg.value}();
    }

    function withdraw(uint256 amount) external {
        ASSAY.withdraw(amount);
    }

    receive() external payable {
        try ASSAY.withdraw(msg.value) {}
        catch {
            refused = true;
        }
    }
}

/// @dev Rare states: what happens when two lives of a job meet.
contract CornersTest is Base {
    function test_a_payee_that_reenters_is_paid_once() public {
        vm.deal(address(this), 10);
        Reentrant payee = new Reentrant{value: 7}(assay);
        payee.withdraw(7);
        yes(payee.refused(), "the second withdrawal is refused");
        eq(address(payee).balance, 7, "paid once");
        eq(assay.balanceOf(address(payee)), 0, "nothing is left");
    }

    function test_no_entry_beyond_the_window() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.OutOfRange.selector, 4));
        assay.entryOf(jobId, w, 4);
    }

    function test_no_verdict_of_another_epoch_nor_after_the_deadline() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        refused(verifierOf(jobId, w, 0), abi.encodeWithSelector(IAssay.WrongEpoch.selector, 1));
        assay.commitVerdict(jobId, 2, w, 0, "hash");
        uint48 deadline = job(jobId).deadline;
        address verifier = verifierOf(jobId, w, 0);
        vm.roll(uint256(deadline) + 1);
        refused(verifier, abi.encodeWithSelector(IAssay.TooLate.selector, deadline));
        assay.commitVerdict(jobId, 1, w, 0, "hash");
    }

    function test_what_is_verified_settles_before_a_job_expires() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        // The next one is under way.
        uint32 next = commitAndSeed(jobId);
        vm.roll(uint256(job(jobId).deadline) + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssay.SettlementDue.selector, w));
        assay.expire(jobId);
        assay.settleWindow(jobId, w);
        assay.expire(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, job(jobId).phase));
        assay.settleWindow(jobId, next);
    }

    /// @dev What is verified may become final after the deadline: until then it can be challenged.
    function test_a_verified_window_is_challenged_after_the_deadline_too() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        uint256 deadline = job(jobId).deadline;
        vm.roll(deadline - 1);
        // Every verdict was given in time, but for the clock of this test.
        assay.redraw(jobId, w);
        acceptAll(jobId, w);
        vm.roll(deadline + 1);
        yes(window(jobId, w).challengesUntil > deadline, "still open");
        challenge(jobId, w, 0);
    }

    function test_only_drawn_entries_are_paid_for_verdicts() public {
        IAssay.JobTerms memory t = defaults();
        t.sampleRate = type(uint64).max / 2;
        t.steps = 44;
        bytes32 jobId = start(t, 3, 3);
        bool gap;
        while (job(jobId).phase == IAssay.Phase.Active) {
            uint256 before = job(jobId).escrow;
            uint32 w = commitAndSeed(jobId);
            uint64 sampled = window(jobId, w).sampled;
            gap = gap || (sampled > 0 && sampled & (sampled + 1) != 0);
            acceptAll(jobId, w);
            uint256 drawn;
            for (uint64 rest = sampled; rest != 0; rest &= rest - 1) {
                drawn++;
            }
            bool last = w + 1 == 11;
            vm.roll(uint256(window(jobId, w).challengesUntil) + 1);
            assay.settleWindow(jobId, w);
            if (!last) eq(before - job(jobId).escrow, 4 * 1000 + drawn * 100 + 50, "cells, drawn verdicts, coordinator");
        }
        yes(gap, "some window had an entry that was not drawn before one that was");
    }

    /// @dev The job ends while a dispute over a window that was voided is still open.
    function test_a_dispute_may_outlive_its_job() public {
        bytes32 jobId = start(defaults(), 4, 3);
        uint32 w = commit(jobId);
        address accused = cell(jobId, 1);
        bytes32 open = challenge(jobId, w, 1);
        refute(challenge(jobId, w, 0));
        while (job(jobId).phase == IAssay.Phase.Active) {
            finish(jobId);
        }
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotUnbondable.selector, accused));
        assay.unbond(jobId, accused);
        uint256 before = wealth(jobId, accused);
        uphold(open);
        eq(wealth(jobId, accused), before + BOND / 2, "half the bond");
        eq(job(jobId).openDisputes, 0, "none is open");
        assay.unbond(jobId, accused);
    }

    /// @dev What a solver claimed before it left still answers for itself.
    function test_a_claim_of_a_solver_that_has_left_can_be_refuted() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        address gone = cell(jobId, 0);
        vm.roll(job(jobId).clock + 21);
        vm.prank(job(jobId).lease);
        assay.summon(jobId, 0);
        vm.roll(uint256(job(jobId).summonedUntil) + 1);
        assay.replace(jobId, 0);
        yes(cell(jobId, 0) != gone, "replaced");
        yes(window(jobId, w).status == IAssay.WindowStatus.Committed, "its work stands");
        uint256 before = wealth(jobId, gone);
        refute(challenge(jobId, w, 0));
        eq(before - wealth(jobId, gone), defaults().claimStake, "its stake is lost");
        yes(window(jobId, w).status == IAssay.WindowStatus.Void, "and its work");
        eq(job(jobId).epoch, 3, "the others start again");
    }
}
