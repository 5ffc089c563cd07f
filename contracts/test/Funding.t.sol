// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev Jobs that end early, are paid for bit by bit, or get more time.
contract FundingTest is Base {
    uint256 private constant WINDOW = 2 * 2 * 1100 + 50;

    function cancel(bytes32 jobId) private {
        vm.prank(submitter);
        assay.cancel(jobId);
    }

    function topUp(bytes32 jobId, address account, uint256 amount, uint32 blocks) private {
        vm.deal(account, account.balance + amount);
        vm.prank(account);
        assay.topUp{value: amount}(jobId, blocks);
    }

    /// @dev A job of three windows whose escrow covers two; every entry is drawn, so every wei of it is spent.
    function partlyPaid() private returns (bytes32 jobId) {
        IAssay.JobTerms memory t = defaults();
        vm.deal(submitter, 2 * WINDOW);
        vm.prank(submitter);
        jobId = assay.registerJob{value: 2 * WINDOW}(t, 77);
        for (uint256 i = 0; i < 3; i++) {
            bid(jobId, actor("solver", i), IAssay.Role.Solver);
            bid(jobId, actor("verifier", i), IAssay.Role.Verifier);
        }
        bid(jobId, actor("coordinator", 0), IAssay.Role.Coordinator);
        bid(jobId, actor("coordinator", 1), IAssay.Role.Coordinator);
        vm.roll(job(jobId).bidsClose + 3);
        assay.assign(jobId);
    }

    function refusedCommit(bytes32 jobId, bytes memory reason) private {
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, 0);
        IAssay.JobView memory v = job(jobId);
        refused(v.lease, reason);
        assay.commitWindow(jobId, v.epoch, v.nextWindow, entries, signatures);
    }

    // --------------------------------------------------------------- cancel

    function test_cancel_lets_the_window_under_way_be_committed_and_paid() public {
        bytes32 jobId = start();
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, submitter));
        assay.cancel(jobId);
        cancel(jobId);
        eq(job(jobId).totalWindows, 1, "the window under way");
        yes(job(jobId).phase == IAssay.Phase.Active, "goes on");
        address worker = cell(jobId, 0);
        uint256 before = wealth(jobId, worker);
        finish(jobId);
        yes(job(jobId).phase == IAssay.Phase.Settled, "settled after one window");
        eq(job(jobId).finalRoot, rootAt(4, 0), "and its state");
        eq(wealth(jobId, worker), before + 2 * 1000, "paid");
        eq(assay.balanceOf(submitter), 6 * 2 * 1100 + 3 * 50 - WINDOW, "the rest is back");
    }

    function test_cancel_with_open_windows_pays_them_and_one_more() public {
        bytes32 jobId = start();
        commitAndSeed(jobId);
        cancel(jobId);
        eq(job(jobId).totalWindows, 2, "the open one and the one under way");
        refused(submitter, abi.encodeWithSelector(IAssay.NothingToCancel.selector, jobId));
        assay.cancel(jobId);
        commitAndSeed(jobId);
        refusedCommit(jobId, abi.encodeWithSelector(IAssay.WrongWindow.selector, 2));
        acceptAll(jobId, 0);
        settle(jobId, 0);
        acceptAll(jobId, 1);
        settle(jobId, 1);
        yes(job(jobId).phase == IAssay.Phase.Settled, "settled");
        eq(assay.balanceOf(submitter), 2 * 2 * 1100 + 50, "refund of the third");
    }

    function test_cancel_in_the_last_window_changes_nothing() public {
        bytes32 jobId = start();
        finish(jobId);
        finish(jobId);
        refused(submitter, abi.encodeWithSelector(IAssay.NothingToCancel.selector, jobId));
        assay.cancel(jobId);
    }

    /// @dev Windows that a submitter has disputed away are redone and paid all the same: it cannot take the work for free.
    function test_cancel_does_not_take_back_what_a_dispute_voided() public {
        bytes32 jobId = start();
        commitAndSeed(jobId);
        uint32 w = commitAndSeed(jobId);
        eq(w, 1, "two windows are open");
        bytes32 first = challenge(jobId, 0, 0);
        refute(first);
        eq(job(jobId).nextWindow, 0, "all is to be redone");
        cancel(jobId);
        eq(job(jobId).totalWindows, 2, "as many windows as there were");
        finish(jobId);
        finish(jobId);
        yes(job(jobId).phase == IAssay.Phase.Settled, "and then it ends");
        eq(assay.balanceOf(submitter), 2 * 2 * 1100 + 50, "refund of the third");
    }

    /// @dev Where nobody is at work the job ends at once: settled if a window is final, cancelled otherwise.
    function test_cancel_without_a_solver_ends_the_job() public {
        bytes32 jobId = start(defaults(), 1, 2);
        loseTheCell(jobId);
        cancel(jobId);
        yes(job(jobId).phase == IAssay.Phase.Cancelled, "nothing was trained");
        eq(assay.balanceOf(submitter), 6 * 2 * 1100 + 3 * 50, "all of it is back");
        eq(job(jobId).escrow, 0, "nothing is kept");
    }

    function test_cancel_without_a_solver_keeps_what_is_final() public {
        bytes32 jobId = start(defaults(), 1, 2);
        finish(jobId);
        loseTheCell(jobId);
        cancel(jobId);
        yes(job(jobId).phase == IAssay.Phase.Settled, "settled with one window");
        eq(job(jobId).finalRoot, rootAt(4, 0), "state");
        assay.unbond(jobId, actor("solver", 0));
    }

    /// @dev The only cell stays away until it is replaced, by nobody.
    function loseTheCell(bytes32 jobId) private {
        IAssay.JobView memory v = job(jobId);
        vm.roll(v.clock + 21);
        vm.prank(v.lease);
        assay.summon(jobId, 0);
        vm.roll(block.number + 7);
        assay.replace(jobId, 0);
        eq(job(jobId).replicas, 0, "no solver is left");
    }

    // ---------------------------------------------------------------- topUp

    function test_a_window_is_committed_only_when_it_is_paid_for() public {
        bytes32 jobId = partlyPaid();
        finish(jobId);
        finish(jobId);
        eq(job(jobId).escrow, 0, "spent");
        refusedCommit(jobId, abi.encodeWithSelector(IAssay.InsufficientEscrow.selector, WINDOW, 0));
        topUp(jobId, stranger, WINDOW - 1, 0);
        refusedCommit(jobId, abi.encodeWithSelector(IAssay.InsufficientEscrow.selector, WINDOW, WINDOW - 1));
        topUp(jobId, stranger, 1, 0);
        finish(jobId);
        yes(job(jobId).phase == IAssay.Phase.Settled, "to the end");
    }

    /// @dev A job that waits for money blames nobody, and nobody is overdue when the money comes.
    function test_an_unpaid_window_is_not_overdue() public {
        bytes32 jobId = partlyPaid();
        finish(jobId);
        finish(jobId);
        address holder = job(jobId).lease;
        vm.roll(block.number + 100);
        refused(holder, abi.encodeWithSelector(IAssay.WindowNotOpen.selector, 2));
        assay.summon(jobId, 0);
        refused(actor("coordinator", 0), abi.encodeWithSelector(IAssay.WindowNotOpen.selector, 2));
        assay.claimLease(jobId);
        topUp(jobId, stranger, WINDOW, 0);
        eq(job(jobId).clock, block.number, "the clock starts with the money");
        refused(holder, abi.encodeWithSelector(IAssay.TooEarly.selector, block.number + 21));
        assay.summon(jobId, 0);
        vm.roll(block.number + 10);
        topUp(jobId, stranger, 1, 0);
        eq(job(jobId).clock, block.number - 10, "a payment that frees nothing does not move it");
    }

    function test_cancel_of_an_unpaid_job_ends_it() public {
        bytes32 jobId = partlyPaid();
        finish(jobId);
        finish(jobId);
        topUp(jobId, stranger, 7, 0);
        cancel(jobId);
        yes(job(jobId).phase == IAssay.Phase.Settled, "nobody is at work on the third window");
        eq(assay.balanceOf(submitter), 7, "what is unused is the submitter's, whoever paid it");
    }

    function test_the_deadline_moves_to_twice_the_period_at_most() public {
        bytes32 jobId = register(defaults());
        uint48 registered = job(jobId).registeredAt;
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, submitter));
        assay.topUp(jobId, 1);
        topUp(jobId, submitter, 0, 4000);
        eq(job(jobId).deadline, registered + 9000, "later");
        refused(submitter, abi.encodeWithSelector(IAssay.TooLate.selector, registered + 10_000));
        assay.topUp(jobId, 1001);
        topUp(jobId, submitter, 0, 1000);
        vm.roll(registered + 10_001);
        refused(submitter, abi.encodeWithSelector(IAssay.TooLate.selector, registered + 10_000));
        assay.topUp(jobId, 0);
        assay.expire(jobId);
        refused(submitter, abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.Expired));
        assay.topUp(jobId, 0);
    }

    /// @dev Whatever is paid and whenever it is cancelled, the submitter pays for final windows and for nothing else.
    function testFuzz_the_submitter_pays_for_final_windows(uint8 when, uint16 extra) public {
        bytes32 jobId = partlyPaid();
        topUp(jobId, stranger, extra, 0);
        uint256 paid = 2 * WINDOW + extra;
        for (uint256 i = 0; i < when % 3; i++) {
            finish(jobId);
        }
        vm.prank(submitter);
        try assay.cancel(jobId) {} catch {} // where the last window is under way, there is nothing to cancel
        while (job(jobId).phase == IAssay.Phase.Active) {
            finish(jobId);
        }
        eq(assay.balanceOf(submitter), paid - job(jobId).finalWindows * WINDOW, "the rest is back");
    }
}
