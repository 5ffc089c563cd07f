// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {OptimisticArbiter} from "../src/OptimisticArbiter.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev An arbiter that rules what it is told: for the ruling the optimistic one never gives.
contract ToldArbiter is IArbiter {
    mapping(bytes32 entryHash => Ruling) private told;

    function open(Claim calldata claim, address) external {
        told[claim.entryHash] = Ruling.Pending;
    }

    function extend(bytes32, uint32) external {}

    function defend(bytes32, address) external {}

    function rule(bytes32 entryHash, Ruling ruling_) external {
        told[entryHash] = ruling_;
    }

    function ruling(address, bytes32 entryHash) external view returns (Ruling) {
        return told[entryHash];
    }
}

contract DisputesTest is Base {
    uint256 private constant STAKE = 40_000;

    // -------------------------------------------------------------- refuted

    function test_an_uncontested_rejection_slashes_and_repays() public {
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
        resolve(entryHash);

        yes(refuted(entryHash), "refuted");
        eq(wealth(jobId, guilty), FUNDS - STAKE, "the claim's stake is lost");
        eq(address(0xdead).balance, STAKE / 2, "half is burned");
        eq(wealth(jobId, honest), FUNDS + 4 * 1000, "four voided entries are repaid");
        eq(assay.balanceOf(coordinator) - funds, 2 * 50, "two voided commits are repaid");
        uint256 left = STAKE / 2 - 4000 - 100 - 100;
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
        resolve(first);
        eq(job(jobId).epoch, 2, "the first refutation starts a new epoch");
        commit(jobId);
        resolve(second);

        yes(refuted(second), "refuted too");
        eq(wealth(jobId, guilty), FUNDS - 2 * STAKE, "each claim's stake is lost");
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
        resolve(entryHash);
        eq(assay.seatOf(jobId, acceptor).stake, stake - 500, "the acceptor's stake is lost");
        // 40,500 lost; half repays 2 entries of the other cell, 3 verdicts, 1 commit; two refuters share.
        uint256 share = (uint256(20_250) - 2000 - 300 - 50) / 2;
        eq(assay.balanceOf(stranger) - before, share + 700, "share and bond");
        eq(assay.balanceOf(whistleblower), FUNDS + share, "share and bond");
        eq(address(0xdead).balance, 20_250, "burned");
    }

    function test_a_slash_leaves_final_windows_alone() public {
        bytes32 jobId = start();
        finish(jobId);
        uint32 w = commit(jobId);
        uint256 escrow = job(jobId).escrow;
        resolve(challenge(jobId, w, 0));
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
        resolve(a);
        eq(wealth(jobId, second), FUNDS, "no repayment while accused");
        eq(assay.seatOf(jobId, second).reserved, STAKE, "its accused claim stays reserved");
        assay.resolve(b);
        eq(wealth(jobId, first), FUNDS - STAKE, "first");
        eq(wealth(jobId, second), FUNDS - STAKE, "second");
        eq(job(jobId).replicas, 1, "one solver is left");
        finish(jobId);
    }

    function test_without_solvers_the_job_takes_bids_again() public {
        bytes32 jobId = start(defaults(), 1, 2);
        uint32 w = commit(jobId);
        resolve(challenge(jobId, w, 0));
        IAssay.JobView memory v = job(jobId);
        eq(v.replicas, 0, "no cells");
        eq(v.bidsClose, block.number + 10, "bids");
        refused(v.lease, abi.encodeWithSelector(IAssay.WindowNotOpen.selector, 0));
        assay.claimLease(jobId);
        bid(jobId, stranger, IAssay.Role.Solver);
        vm.roll(v.bidsClose + 1);
        fund(whistleblower);
        refused(whistleblower, abi.encodeWithSelector(IAssay.BidsClosed.selector, IAssay.Role.Solver));
        assay.bid(jobId, IAssay.Role.Solver, 200_000);
        vm.roll(v.bidsClose + 3);
        assay.assign(jobId);
        eq(cell(jobId, 0), stranger, "the new solver");
        eq(job(jobId).epoch, 3, "epoch");
        for (uint256 i = 0; i < 3; i++) {
            finish(jobId);
        }
    }

    // ------------------------------------------------------------ contested

    function test_a_contested_accusation_slashes_nobody() public {
        bytes32 jobId = start();
        uint32 first = commitAndSeed(jobId);
        acceptAll(jobId, first);
        uint32 w = commit(jobId);
        address accused = cell(jobId, 1);
        bytes32 entryHash = challenge(jobId, w, 3);
        vm.expectRevert(abi.encodeWithSelector(IAssay.RulingPending.selector, entryHash));
        assay.resolve(entryHash);
        contest(entryHash);
        assay.resolve(entryHash);
        eq(assay.balanceOf(whistleblower), FUNDS, "the bond returns");
        eq(wealth(jobId, accused), FUNDS, "nobody is slashed");
        eq(assay.seatOf(jobId, accused).reserved, STAKE * 2, "only the first window's claims are reserved");
        eq(job(jobId).nextWindow, w, "redone from that window on");
        eq(job(jobId).root, rootAt(4, 0), "root");
        yes(cell(jobId, 1) != accused, "by another solver");
        settle(jobId, first);
        assay.unbond(jobId, accused);
        finish(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NoDispute.selector, entryHash));
        assay.resolve(entryHash);
    }

    function test_a_contested_rejection_returns_the_verifiers_bond() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address verifier = verifierOf(jobId, w, 1);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i != 1, i);
        }
        revealVerdict(jobId, w, 1, false, 1);
        bytes32 entryHash = assay.entryOf(jobId, w, 1).entryHash;
        contest(entryHash);
        assay.resolve(entryHash);
        eq(assay.seatOf(jobId, verifier).reserved, 0, "released");
        eq(wealth(jobId, verifier), FUNDS, "nothing lost");
    }

    function test_only_who_has_a_stake_in_the_claim_contests_and_in_time() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        bytes32 entryHash = challenge(jobId, w, 0);
        address solver = cell(jobId, 0);
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, solver));
        assay.contest(entryHash);
        contest(entryHash);
        uint48 until = uint48(block.number) + 6;
        bytes memory over = abi.encodeWithSelector(OptimisticArbiter.NotContestable.selector, until);
        refused(solver, over);
        assay.contest(entryHash);
        bytes32 other = challenge(jobId, w, 1);
        vm.roll(until + 1);
        refused(cell(jobId, 1), over);
        assay.contest(other);
        assay.resolve(other);
        refused(solver, abi.encodeWithSelector(IAssay.NoDispute.selector, other));
        assay.contest(other);
        refused(stranger, abi.encodeWithSelector(OptimisticArbiter.NotContestable.selector, 0));
        arbiter.defend(entryHash, stranger); // another court has no such dispute
    }

    /// @dev A solver that gives up its own claim cannot take the verifier who accepted it along.
    function test_an_acceptor_may_contest_in_its_solvers_place() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        bytes32 entryHash = challenge(jobId, w, 2);
        address acceptor = assay.entryOf(jobId, w, 2).verifier;
        vm.prank(acceptor);
        assay.contest(entryHash);
        resolve(entryHash);
        eq(wealth(jobId, acceptor), FUNDS, "not slashed");
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "released");
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
        resolve(entryHash);
        eq(assay.seatOf(jobId, verifier).reserved, 0, "both verdicts released");
        eq(wealth(jobId, verifier), FUNDS + STAKE / 2 - 2000 - 50, "and one bounty");
    }

    /// @dev A dispute outlives its window: the claim and its acceptor stay reserved until the ruling.
    function test_a_dispute_over_a_void_window_still_ends() public {
        bytes32 jobId = start(defaults(), 4, 3);
        uint32 w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        address accused = cell(jobId, 1);
        address acceptor = assay.entryOf(jobId, w, 1).verifier;
        bytes32 open = challenge(jobId, w, 1);
        bytes32 slashed = challenge(jobId, w, 0);
        contest(open);
        resolve(slashed);
        eq(assay.seatOf(jobId, accused).reserved, STAKE, "claim");
        yes(assay.seatOf(jobId, acceptor).reserved >= 500, "verdict");
        uint32 again = commit(jobId);
        assay.resolve(open);
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "verdict released");
        eq(assay.seatOf(jobId, accused).reserved, 2 * STAKE, "old claim released, new claims stand");
        eq(uint8(window(jobId, again).status), uint8(IAssay.WindowStatus.Committed), "the new window stands");
        yes(cell(jobId, 1) != accused, "yet the accused leaves");
    }

    // --------------------------------------------------------------- upheld

    function test_an_upheld_claim_goes_on_and_its_accusers_pay() public {
        ToldArbiter judge = new ToldArbiter();
        assay = assayWith(judge);
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
        judge.rule(entryHash, IArbiter.Ruling.Upheld);
        uint256 before = wealth(jobId, rejecting);
        assay.resolve(entryHash);
        eq(before - wealth(jobId, rejecting), 500, "the verdict's stake");
        eq(assay.balanceOf(whistleblower), FUNDS - 700, "the bond");
        eq(wealth(jobId, accused), FUNDS + 600, "half of both to the solver");
        eq(address(0xdead).balance, 600, "half is burned");
        refused(whistleblower, abi.encodeWithSelector(IAssay.CannotAccuse.selector, entryHash, whistleblower));
        assay.challenge(jobId, 1, w, 0);
        uint256 escrow = job(jobId).escrow;
        settle(jobId, w);
        eq(escrow - job(jobId).escrow, 4 * 1000 + 3 * 100 + 50, "no fee for the verdict that was wrong");
        eq(assay.seatOf(jobId, accused).reserved, 0, "released");
    }

    function test_an_upheld_claim_of_a_void_window_is_released() public {
        ToldArbiter judge = new ToldArbiter();
        assay = assayWith(judge);
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        address accused = cell(jobId, 1);
        bytes32 upheld = challenge(jobId, w, 1);
        bytes32 slashed = challenge(jobId, w, 0);
        judge.rule(slashed, IArbiter.Ruling.Refuted);
        assay.resolve(slashed);
        judge.rule(upheld, IArbiter.Ruling.Upheld);
        assay.resolve(upheld);
        eq(assay.seatOf(jobId, accused).reserved, 0, "released");
        eq(cell(jobId, 1), accused, "and still a cell");
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
        refused(submitter, abi.encodeWithSelector(IAssay.InsufficientBalance.selector, 700, 0));
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
        for (uint256 i = 0; i < 8; i++) {
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

    // --------------------------------------------------------- equivocation

    function pair(bytes32 jobId) private view returns (IAssay.Entry memory a, IAssay.Entry memory b) {
        (IAssay.Entry[] memory entries,) = build(jobId, 0);
        (IAssay.Entry[] memory others,) = build(jobId, 1);
        return (entries[0], others[0]);
    }

    function test_two_entries_for_one_range_are_slashed_on_sight() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        commit(jobId);
        (address guilty, address honest) = (cell(jobId, 0), cell(jobId, 1));
        (bytes memory sigA, bytes memory sigB) = (sign(a), sign(b));
        vm.prank(stranger);
        assay.equivocation(a, sigA, b, sigB);
        eq(wealth(jobId, guilty), FUNDS - STAKE, "slashed");
        eq(wealth(jobId, honest), FUNDS + 2000, "repaid");
        eq(assay.balanceOf(stranger), STAKE / 2 - 2000 - 50, "the rest is the reporter's");
        eq(job(jobId).epoch, 2, "next epoch");
        yes(cell(jobId, 0) != guilty, "without it");
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotEquivocation.selector));
        assay.equivocation(a, sigA, b, sigB);
    }

    function test_what_is_no_equivocation() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        none(a, a);
        IAssay.Entry memory c;
        (c = copy(b)).epoch = 2;
        none(a, c);
        (c = copy(b)).replica = 1;
        none(a, c);
        (c = copy(b)).stepFrom = a.stepTo;
        c.stepTo = a.stepTo + 2;
        none(a, c);
        (c = copy(b)).solver = stranger;
        none(c, c);
        none(a, c);
        (c = copy(b)).jobId = "other";
        none(a, c);
        c = copy(b);
        (bytes memory good, bytes memory bad) = (sign(a), sign(c));
        vm.expectRevert(abi.encodeWithSelector(IAssay.BadSignature.selector, 1));
        assay.equivocation(a, good, c, good);
        vm.expectRevert(abi.encodeWithSelector(IAssay.BadSignature.selector, 0));
        assay.equivocation(a, bad, c, good);
        a.jobId = "no job";
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.None));
        assay.equivocation(a, good, c, good);
    }

    function copy(IAssay.Entry memory e) private pure returns (IAssay.Entry memory) {
        return abi.decode(abi.encode(e), (IAssay.Entry));
    }

    function none(IAssay.Entry memory a, IAssay.Entry memory b) private {
        (bytes memory sigA, bytes memory sigB) = (sign(a), sign(b));
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotEquivocation.selector));
        assay.equivocation(a, sigA, b, sigB);
    }

    /// @dev Who has left with its stake cannot void the work of others at no cost.
    function test_a_seat_that_was_given_back_answers_for_nothing() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        bytes32 entryHash = challenge(jobId, commit(jobId), 0);
        contest(entryHash);
        assay.resolve(entryHash);
        assay.unbond(jobId, a.solver);
        commit(jobId);
        (bytes memory sigA, bytes memory sigB) = (sign(a), sign(b));
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotEquivocation.selector));
        assay.equivocation(a, sigA, b, sigB);
    }

    /// @dev One claim's stake is never reserved, so a solver cannot hide behind disputes of its own making.
    function test_equivocation_finds_stake_when_every_claim_is_disputed() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        address guilty = cell(jobId, 0);
        for (uint256 i = 0; i < 2; i++) {
            uint32 w = commit(jobId);
            challenge(jobId, w, 0);
            challenge(jobId, w, 2);
        }
        eq(assay.seatOf(jobId, guilty).reserved, 4 * STAKE, "all claims");
        assay.equivocation(a, sign(a), b, sign(b));
        eq(wealth(jobId, guilty), FUNDS - STAKE, "slashed all the same");
    }
}
