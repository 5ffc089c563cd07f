// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {IRandomness} from "../src/IRandomness.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract RegistryTest is Base {
    // ---------------------------------------------------------------- vault

    function test_deposit_and_withdraw() public {
        fund(stranger);
        vm.prank(stranger);
        assay.withdraw(FUNDS - 1);
        eq(assay.balanceOf(stranger), 1, "free");
        eq(stranger.balance, FUNDS - 1, "wallet");
        refused(stranger, abi.encodeWithSelector(IAssay.InsufficientBalance.selector, 2, 1));
        assay.withdraw(2);
    }

    function test_withdraw_refuses_an_account_that_takes_no_ether() public {
        vm.deal(address(this), 5);
        assay.deposit{value: 5}();
        vm.expectRevert(abi.encodeWithSelector(IAssay.TransferFailed.selector));
        assay.withdraw(5);
    }

    // ------------------------------------------------------------- register

    function test_register_fixes_the_job() public {
        IAssay.JobTerms memory t = defaults();
        bytes32 jobId = register(t);
        IAssay.JobView memory v = job(jobId);
        eq(uint8(v.phase), uint8(IAssay.Phase.Bidding), "phase");
        eq(v.submitter, submitter, "submitter");
        eq(v.totalWindows, 3, "windows: 6 slots of 2 steps");
        eq(v.bidsClose, block.number + t.bidPeriod, "bids close");
        eq(v.deadline, block.number + t.jobPeriod, "deadline");
        eq(v.root, t.initRoot, "root");
        eq(v.escrow, 6 * 2 * (1000 + 100) + 3 * 50, "escrow");
        eq(keccak256(abi.encode(assay.termsOf(jobId))), keccak256(abi.encode(t)), "terms");
        bytes memory packed = abi.encodePacked("assay/job/1", t.specHash, block.chainid, address(assay), submitter, uint64(0));
        eq(jobId, sha256(packed), "job id");
    }

    function test_register_refuses_too_little_and_twice() public {
        IAssay.JobTerms memory t = defaults();
        uint256 escrow = 4 * 2 * 1100 + 2 * 50; // the two windows that may be open
        vm.deal(submitter, 3 * escrow);
        refused(submitter, abi.encodeWithSelector(IAssay.InsufficientEscrow.selector, escrow, escrow - 1));
        assay.registerJob{value: escrow - 1}(t, 7);
        vm.prank(submitter);
        bytes32 jobId = assay.registerJob{value: escrow}(t, 7);
        refused(submitter, abi.encodeWithSelector(IAssay.JobExists.selector, jobId));
        assay.registerJob{value: escrow}(t, 7);
    }

    function test_terms_are_checked_one_by_one() public {
        IAssay.JobTerms memory t;
        (t = defaults()).steps = 0;
        wrong(t, "steps");
        (t = defaults()).entrySteps = 0;
        wrong(t, "entrySteps");
        (t = defaults()).replicas = 3;
        wrong(t, "replicas");
        (t = defaults()).replicas = 0;
        wrong(t, "replicas");
        (t = defaults()).entriesPerWindow = 33;
        wrong(t, "entriesPerWindow");
        (t = defaults()).entriesPerWindow = 0;
        wrong(t, "entriesPerWindow");
        (t = defaults()).depth = 9;
        wrong(t, "depth");
        (t = defaults()).depth = 0;
        wrong(t, "depth");
        (t = defaults()).sampleRate = 0;
        wrong(t, "sampleRate");
        (t = defaults()).entryPrice = 0;
        wrong(t, "entryPrice");
        // Half of it repays the longest game and two windows.
        (t = defaults()).claimStake = 2 * (GAME + 2 * (2 * 2 * 1100 + 50)) - 1;
        wrong(t, "claimStake");
        (t = defaults()).sampleRate = 2 ** 48; // one in 2^16: price of a slot times as many
        t.claimStake = 2 ** 16 * 2000 - 1;
        wrong(t, "claimStake");
        (t = defaults()).claimStake = 2 ** 94;
        wrong(t, "claimStake");
        (t = defaults()).gasPrice = 0;
        wrong(t, "gasPrice");
        (t = defaults()).gasPrice = 2 ** 127;
        wrong(t, "claimStake");
        // Half of each repays the longest game.
        (t = defaults()).verdictStake = 2 * GAME - 1;
        wrong(t, "verdictStake");
        (t = defaults()).gasPrice = 2;
        wrong(t, "verdictStake");
        t.verdictStake = 4 * GAME;
        wrong(t, "challengeBond");
        t.challengeBond = 4 * GAME;
        assay.quote(t);
        (t = defaults()).verdictStake = 2 ** 93;
        wrong(t, "verdictStake");
        (t = defaults()).factsHash = 0;
        wrong(t, "factsHash");
        (t = defaults()).challengeBond = 2 * GAME - 1;
        wrong(t, "challengeBond");
        (t = defaults()).coordinatorBond = 0;
        wrong(t, "coordinatorBond");
        (t = defaults()).coordinatorBond = 2 ** 96;
        wrong(t, "coordinatorBond");
        (t = defaults()).bidPeriod = 0;
        wrong(t, "bidPeriod");
        (t = defaults()).commitPeriod = 0;
        wrong(t, "commitPeriod");
        (t = defaults()).verdictPeriod = 0;
        wrong(t, "verdictPeriod");
        (t = defaults()).revealPeriod = 0;
        wrong(t, "revealPeriod");
        (t = defaults()).challengePeriod = 0;
        wrong(t, "challengePeriod");
        (t = defaults()).responsePeriod = 0;
        wrong(t, "responsePeriod");
        (t = defaults()).jobPeriod = t.bidPeriod;
        wrong(t, "jobPeriod");
    }

    function wrong(IAssay.JobTerms memory t, bytes32 field) private {
        vm.expectRevert(abi.encodeWithSelector(IAssay.InvalidTerms.selector, field));
        assay.quote(t);
    }

    /// @dev Whatever passes the check has stakes that fit a draw's weight, and an escrow that covers every window.
    function testFuzz_quote_is_consistent(uint32 steps, uint8 k, uint8 slots, uint8 depth, uint64 price, uint64 rate)
        public
        view
    {
        IAssay.JobTerms memory t = defaults();
        t.steps = steps % 100_000 + 1;
        t.entrySteps = k % 16 + 1;
        t.entriesPerWindow = slots % 32 + 1;
        t.depth = depth % 8 + 1;
        t.entryPrice = price % 1e12 + 1;
        t.sampleRate = rate / 2 + 2 ** 62;
        uint256 cost = 2 * (uint256(t.entryPrice) + t.verdictFee);
        uint256 repay = 2 * (GAME + uint256(t.depth) * (t.entriesPerWindow * cost + t.windowFee));
        t.claimStake = uint128(repay > 16 * uint256(t.entryPrice) ? repay : 16 * uint256(t.entryPrice));
        (uint256 escrow, uint256 solver, uint256 verifier,) = assay.quote(t);
        uint256 count = (uint256(t.steps) + t.entrySteps - 1) / t.entrySteps;
        uint256 windows = (count + t.entriesPerWindow - 1) / t.entriesPerWindow;
        eq(escrow, count * cost + windows * t.windowFee, "escrow");
        yes(solver < 2 ** 96 && verifier < 2 ** 96, "weights fit");
        yes(solver >= uint256(t.claimStake) * t.entriesPerWindow * t.depth, "a seat covers its claims");
    }

    // ----------------------------------------------------------------- bids

    function test_bid_takes_the_stake_and_one_role() public {
        bytes32 jobId = register(defaults());
        bid(jobId, stranger, IAssay.Role.Solver);
        IAssay.Seat memory seat = assay.seatOf(jobId, stranger);
        eq(seat.stake, 5 * CLAIM, "seat: W * D claims and one");
        eq(assay.balanceOf(stranger), FUNDS - seat.stake, "free");
        refused(stranger, abi.encodeWithSelector(IAssay.AlreadySeated.selector, stranger));
        assay.bid(jobId, IAssay.Role.Verifier, 1e6);
    }

    function test_bid_refusals() public {
        bytes32 jobId = register(defaults());
        fund(stranger);
        refused(stranger, abi.encodeWithSelector(IAssay.InvalidStake.selector, 5 * CLAIM, 5 * CLAIM - 1));
        assay.bid(jobId, IAssay.Role.Solver, 5 * CLAIM - 1);
        refused(stranger, abi.encodeWithSelector(IAssay.InvalidStake.selector, 8 * VERDICT, 8 * VERDICT - 1));
        assay.bid(jobId, IAssay.Role.Verifier, 8 * VERDICT - 1);
        refused(stranger, abi.encodeWithSelector(IAssay.InvalidStake.selector, 900, 899));
        assay.bid(jobId, IAssay.Role.Coordinator, 899);
        refused(stranger, abi.encodeWithSelector(IAssay.InvalidStake.selector, 900, 2 ** 96));
        assay.bid(jobId, IAssay.Role.Coordinator, 2 ** 96);
        refused(stranger, abi.encodeWithSelector(IAssay.BidsClosed.selector, IAssay.Role.None));
        assay.bid(jobId, IAssay.Role.None, 1e6);
        refused(submitter, abi.encodeWithSelector(IAssay.InsufficientBalance.selector, 900, 0));
        assay.bid(jobId, IAssay.Role.Coordinator, 900);
        refused(stranger, abi.encodeWithSelector(IAssay.BidsClosed.selector, IAssay.Role.Coordinator));
        assay.bid("no job", IAssay.Role.Coordinator, 900);
        vm.roll(job(jobId).bidsClose + 1);
        refused(stranger, abi.encodeWithSelector(IAssay.BidsClosed.selector, IAssay.Role.Solver));
        assay.bid(jobId, IAssay.Role.Solver, 5 * CLAIM);
    }

    function test_roles_fill_up() public {
        bytes32 jobId = register(defaults());
        for (uint256 i = 0; i < 16; i++) {
            bid(jobId, actor("coordinator", i), IAssay.Role.Coordinator);
        }
        fund(stranger);
        refused(stranger, abi.encodeWithSelector(IAssay.RoleFull.selector, IAssay.Role.Coordinator));
        assay.bid(jobId, IAssay.Role.Coordinator, 900);
        for (uint256 i = 0; i < 64; i++) {
            bid(jobId, actor("solver", i), IAssay.Role.Solver);
            bid(jobId, actor("verifier", i), IAssay.Role.Verifier);
        }
        refused(stranger, abi.encodeWithSelector(IAssay.RoleFull.selector, IAssay.Role.Solver));
        assay.bid(jobId, IAssay.Role.Solver, 5 * CLAIM);
        refused(stranger, abi.encodeWithSelector(IAssay.RoleFull.selector, IAssay.Role.Verifier));
        assay.bid(jobId, IAssay.Role.Verifier, 8 * VERDICT);
    }

    // ----------------------------------------------------------- assignment

    function test_assign_draws_cells_standby_and_lease() public {
        bytes32 jobId = start(defaults(), 5, 2);
        IAssay.JobView memory v = job(jobId);
        eq(uint8(v.phase), uint8(IAssay.Phase.Active), "phase");
        eq(v.epoch, 1, "epoch");
        eq(v.replicas, 2, "replicas");
        address[] memory solvers = assay.solversOf(jobId);
        eq(solvers.length, 5, "solvers");
        eq(assay.cellsOf(jobId, 1).length, 2, "cells");
        eq(assay.cellsOf(jobId, 1)[1], solvers[1], "cells come first");
        eq(v.lease, assay.coordinatorsOf(jobId)[0], "lease");
        eq(assay.poolOf(jobId).length, 2, "pool");
        for (uint256 i = 0; i < 5; i++) {
            for (uint256 j = 0; j < i; j++) {
                yes(solvers[i] != solvers[j], "without replacement");
            }
        }
    }

    function test_assign_uses_the_largest_power_of_two() public {
        IAssay.JobTerms memory t = defaults();
        t.replicas = 8;
        eq(job(start(t, 7, 1)).replicas, 4, "seven solvers");
        eq(job(start(t, 1, 1)).replicas, 1, "one solver");
    }

    function test_assign_waits_for_bids_and_randomness() public {
        bytes32 jobId = register(defaults());
        uint48 close = job(jobId).bidsClose;
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooEarly.selector, close + 1));
        assay.assign(jobId);
        vm.roll(close + 1);
        assay.assign(jobId); // no bids: another round of bidding
        eq(job(jobId).bidsClose, block.number + 10, "reopened");
        bid(jobId, actor("solver"), IAssay.Role.Solver);
        bid(jobId, actor("verifier"), IAssay.Role.Verifier);
        bid(jobId, actor("coordinator"), IAssay.Role.Coordinator);
        close = job(jobId).bidsClose;
        vm.roll(close + 2);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.NotReady.selector, close + 2));
        assay.assign(jobId);
        vm.roll(close + 3);
        assay.assign(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.Active));
        assay.assign(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.None));
        assay.assign("no job");
    }

    function test_assign_does_not_reopen_after_the_deadline() public {
        bytes32 jobId = register(defaults());
        uint48 deadline = job(jobId).deadline;
        vm.roll(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooLate.selector, deadline));
        assay.assign(jobId);
    }

    function test_late_solvers_stand_by() public {
        bytes32 jobId = start(defaults(), 2, 1);
        bid(jobId, stranger, IAssay.Role.Solver);
        eq(assay.solversOf(jobId)[2], stranger, "last in the list");
        fund(whistleblower);
        refused(whistleblower, abi.encodeWithSelector(IAssay.BidsClosed.selector, IAssay.Role.Verifier));
        assay.bid(jobId, IAssay.Role.Verifier, 8 * VERDICT);
    }

    // ----------------------------------------------------------------- ends

    function test_cancel_refunds_all_before_assignment() public {
        bytes32 jobId = register(defaults());
        bid(jobId, stranger, IAssay.Role.Solver);
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, submitter));
        assay.cancel(jobId);
        uint256 escrow = job(jobId).escrow;
        vm.prank(submitter);
        assay.cancel(jobId);
        eq(assay.balanceOf(submitter), escrow, "refund");
        assay.unbond(jobId, stranger);
        eq(assay.balanceOf(stranger), FUNDS, "seat back");
        refused(submitter, abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.Cancelled));
        assay.cancel(jobId);
    }

    function test_expire_pays_what_is_final_and_refunds_the_rest() public {
        bytes32 jobId = start();
        uint256 escrow = job(jobId).escrow;
        finish(jobId);
        uint32 w = commitAndSeed(jobId);
        commitAll(jobId, w);
        revealVerdict(jobId, w, 0, true, 0);
        uint48 deadline = job(jobId).deadline;
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooEarly.selector, deadline + 1));
        assay.expire(jobId);
        vm.roll(deadline + 1);
        assay.expire(jobId);
        eq(assay.balanceOf(submitter), escrow - 2 * 2 * 1100 - 50, "refund");
        eq(uint8(window(jobId, 1).status), uint8(IAssay.WindowStatus.Void), "open window is void");
        drain(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.Expired));
        assay.expire(jobId);
    }

    function test_expire_waits_for_disputes() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        vm.roll(job(jobId).deadline);
        bytes32 entryHash = challenge(jobId, w, 0);
        vm.roll(job(jobId).deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssay.DisputeOpen.selector, 1));
        assay.expire(jobId);
        refute(entryHash);
        assay.expire(jobId);
        refused(whistleblower, abi.encodeWithSelector(IAssay.WrongWindow.selector, w));
        assay.challenge(jobId, 1, w, 1);
    }

    function test_unbond_refusals() public {
        bytes32 jobId = start();
        address solver = cell(jobId, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotUnbondable.selector, solver));
        assay.unbond(jobId, solver);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotUnbondable.selector, stranger));
        assay.unbond(jobId, stranger);
    }

    /// @dev Everybody's seat comes back; nothing stays in the job.
    function drain(bytes32 jobId) private {
        for (uint256 i = 0; i < 3; i++) {
            assay.unbond(jobId, actor("solver", i));
            assay.unbond(jobId, actor("verifier", i));
            if (i < 2) assay.unbond(jobId, actor("coordinator", i));
        }
        uint256 owed = assay.balanceOf(submitter);
        for (uint256 i = 0; i < 3; i++) {
            owed += assay.balanceOf(actor("solver", i)) + assay.balanceOf(actor("verifier", i));
            if (i < 2) owed += assay.balanceOf(actor("coordinator", i));
        }
        eq(address(assay).balance, owed, "all is owed to somebody");
    }
}
