// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract LeasesTest is Base {
    function lapseAt(bytes32 jobId) private view returns (uint48) {
        return job(jobId).clock + 20 + 6;
    }

    function test_the_lease_lapses_and_passes_on() public {
        bytes32 jobId = start();
        address holder = job(jobId).lease;
        address next = assay.coordinatorsOf(jobId)[1];
        uint48 lapse = lapseAt(jobId);
        vm.roll(lapse);
        refused(next, abi.encodeWithSelector(IAssay.TooEarly.selector, lapse + 1));
        assay.claimLease(jobId);
        vm.roll(lapse + 1);
        refused(holder, abi.encodeWithSelector(IAssay.NotAuthorized.selector, holder));
        assay.claimLease(jobId);
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, stranger));
        assay.claimLease(jobId);
        vm.prank(next);
        assay.claimLease(jobId);
        eq(job(jobId).lease, next, "lease");
        uint256 before = wealth(jobId, next);
        finish(jobId);
        eq(wealth(jobId, next) - before, 50, "the fee is who commits'");
        eq(wealth(jobId, holder), FUNDS, "a missed lease costs no stake");
    }

    function test_a_cell_may_take_a_lapsed_lease() public {
        bytes32 jobId = start();
        address solver = cell(jobId, 1);
        vm.roll(lapseAt(jobId) + 1);
        vm.prank(solver);
        assay.claimLease(jobId);
        finish(jobId);
        address standby = assay.solversOf(jobId)[2];
        vm.roll(lapseAt(jobId) + 1);
        refused(standby, abi.encodeWithSelector(IAssay.NotAuthorized.selector, standby));
        assay.claimLease(jobId);
    }

    function test_no_lease_is_lost_while_the_pipeline_is_full() public {
        bytes32 jobId = start();
        commit(jobId);
        commit(jobId);
        vm.roll(lapseAt(jobId) + 1);
        refused(cell(jobId, 0), abi.encodeWithSelector(IAssay.WindowNotOpen.selector, 2));
        assay.claimLease(jobId);
    }

    // -------------------------------------------------------------- summons

    function overdue(bytes32 jobId) private {
        vm.roll(job(jobId).clock + 21);
    }

    function summon(bytes32 jobId, uint16 replica) private {
        vm.prank(job(jobId).lease);
        assay.summon(jobId, replica);
    }

    function present(bytes32 jobId, uint16 replica) private {
        vm.prank(cell(jobId, replica));
        assay.present(jobId, replica);
    }

    function test_an_unanswered_summons_replaces_the_cell() public {
        bytes32 jobId = start();
        uint32 committed = commitAndSeed(jobId);
        (address gone, address stays, address standby) = (cell(jobId, 0), cell(jobId, 1), assay.solversOf(jobId)[2]);
        overdue(jobId);
        summon(jobId, 0);
        uint48 until = uint48(block.number) + 6;
        vm.roll(until);
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooEarly.selector, until + 1));
        assay.replace(jobId, 0);
        vm.roll(until + 1);
        assay.replace(jobId, 0);
        eq(cell(jobId, 0), standby, "standby");
        eq(cell(jobId, 1), stays, "the other");
        eq(job(jobId).epoch, 2, "epoch");
        eq(job(jobId).nextWindow, 1, "committed windows stay");
        eq(job(jobId).root, rootAt(4, 0), "and so does the root");
        eq(wealth(jobId, gone), FUNDS, "no slash");
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotUnbondable.selector, gone));
        assay.unbond(jobId, gone);
        // It was judged late, so the first round is missed; the second verifiers accept.
        vm.roll(window(jobId, committed).verdictsUntil + 1);
        assay.redraw(jobId, committed);
        acceptAll(jobId, committed);
        settle(jobId, committed);
        eq(wealth(jobId, gone), FUNDS + 2000, "paid for what it did");
        assay.unbond(jobId, gone);
    }

    function test_an_answer_keeps_the_cell_and_two_are_the_limit() public {
        bytes32 jobId = start();
        for (uint256 i = 0; i < 2; i++) {
            overdue(jobId);
            summon(jobId, 0);
            present(jobId, 0);
            vm.expectRevert(abi.encodeWithSelector(
                i == 0 ? IAssay.NotSummoned.selector : IAssay.NotAuthorized.selector,
                i == 0 ? uint256(0) : uint256(uint160(job(jobId).lease))
            ));
            assay.replace(jobId, 0);
        }
        address lease = job(jobId).lease;
        uint48 due = job(jobId).clock + 20;
        refused(lease, abi.encodeWithSelector(IAssay.TooEarly.selector, due + 1));
        assay.replace(jobId, 0);
        address gone = cell(jobId, 0);
        overdue(jobId);
        vm.prank(lease);
        assay.replace(jobId, 0);
        yes(cell(jobId, 0) != gone, "replaced");
    }

    function test_a_commit_clears_the_strikes() public {
        bytes32 jobId = start();
        for (uint256 i = 0; i < 2; i++) {
            overdue(jobId);
            summon(jobId, 0);
            present(jobId, 0);
        }
        commit(jobId);
        overdue(jobId);
        refused(job(jobId).lease, abi.encodeWithSelector(IAssay.NotSummoned.selector, 0));
        assay.replace(jobId, 0);
    }

    /// @dev A coordinator that summons instead of committing loses the lease to the cell that answers.
    function test_who_answers_may_take_the_lease_at_once() public {
        bytes32 jobId = start();
        overdue(jobId);
        summon(jobId, 1);
        refused(cell(jobId, 0), abi.encodeWithSelector(IAssay.TooEarly.selector, job(jobId).summonedUntil + 1));
        assay.claimLease(jobId);
        present(jobId, 1);
        address answering = cell(jobId, 1);
        vm.prank(answering);
        assay.claimLease(jobId);
        eq(job(jobId).lease, answering, "lease");
        finish(jobId);
    }

    function test_summons_refusals() public {
        bytes32 jobId = start();
        address lease = job(jobId).lease;
        refused(lease, abi.encodeWithSelector(IAssay.TooEarly.selector, job(jobId).clock + 21));
        assay.summon(jobId, 0);
        overdue(jobId);
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, lease));
        assay.summon(jobId, 0);
        refused(lease, abi.encodeWithSelector(IAssay.OutOfRange.selector, 2));
        assay.summon(jobId, 2);
        refused(cell(jobId, 0), abi.encodeWithSelector(IAssay.NotSummoned.selector, 0));
        assay.present(jobId, 0);
        summon(jobId, 0);
        uint48 until = uint48(block.number) + 6;
        refused(lease, abi.encodeWithSelector(IAssay.TooEarly.selector, until + 1));
        assay.summon(jobId, 0);
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, cell(jobId, 0)));
        assay.present(jobId, 0);
        vm.roll(until + 1);
        refused(cell(jobId, 0), abi.encodeWithSelector(IAssay.TooLate.selector, until));
        assay.present(jobId, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssay.OutOfRange.selector, 2));
        assay.replace(jobId, 2);
        vm.expectRevert(abi.encodeWithSelector(IAssay.OutOfRange.selector, 9));
        assay.present(jobId, 9);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.None));
        assay.replace("no job", 0);
    }

    function test_a_plan_shrinks_without_standby_and_grows_with_late_bids() public {
        IAssay.JobTerms memory t = defaults();
        t.replicas = 4;
        bytes32 jobId = start(t, 4, 2);
        address[] memory cells = assay.cellsOf(jobId, 1);
        overdue(jobId);
        summon(jobId, 1);
        vm.roll(block.number + 7);
        assay.replace(jobId, 1);
        eq(job(jobId).replicas, 2, "shrunk");
        eq(cell(jobId, 0), cells[0], "first stays");
        eq(cell(jobId, 1), cells[2], "the next moves up");
        eq(assay.solversOf(jobId)[2], cells[3], "one waits");
        bid(jobId, stranger, IAssay.Role.Solver);
        fund(whistleblower);
        vm.prank(whistleblower);
        assay.bid(jobId, IAssay.Role.Solver, 5 * CLAIM);
        overdue(jobId);
        summon(jobId, 0);
        vm.roll(block.number + 7);
        assay.replace(jobId, 0);
        eq(job(jobId).replicas, 4, "grown");
        finish(jobId);
        eq(window(jobId, 0).entries, 8, "all four work");
    }

    function test_a_replaced_lease_holder_hands_the_lease_back() public {
        bytes32 jobId = start();
        address solver = cell(jobId, 1);
        vm.roll(lapseAt(jobId) + 1);
        vm.prank(solver);
        assay.claimLease(jobId);
        uint32 w = commit(jobId);
        refute(challenge(jobId, w, 1));
        eq(job(jobId).lease, assay.coordinatorsOf(jobId)[0], "lease");
    }
}
