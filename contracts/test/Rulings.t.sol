// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev What a ruling costs and earns each party of a claim, the first one and those after it.
contract RulingsTest is Base {
    function accuse(address account, bytes32 jobId, uint32 w, uint16 i) private {
        if (assay.balanceOf(account) == 0) fund(account);
        uint32 epoch = window(jobId, w).epoch;
        vm.prank(account);
        assay.challenge(jobId, epoch, w, i);
    }

    function cannotAccuse(address account, bytes32 jobId, uint32 w, uint16 i) private {
        bytes32 entryHash = assay.entryOf(jobId, w, i).entryHash;
        if (assay.balanceOf(account) == 0) fund(account);
        uint32 epoch = window(jobId, w).epoch;
        refused(account, abi.encodeWithSelector(IAssay.CannotAccuse.selector, entryHash, account));
        assay.challenge(jobId, epoch, w, i);
    }

    /// @dev The contract holds what it owes when no bond is locked.
    function books(bytes32 jobId) private {
        uint256 owed = job(jobId).escrow + wealth(jobId, submitter) + wealth(jobId, whistleblower);
        owed += wealth(jobId, stranger);
        for (uint256 i = 0; i < 8; i++) {
            owed += wealth(jobId, actor("solver", i)) + wealth(jobId, actor("verifier", i));
            if (i < 2) owed += wealth(jobId, actor("coordinator", i));
        }
        eq(address(assay).balance, owed, "the contract holds what it owes");
    }

    /// @dev From here on all is honest, to the end; then everybody takes its seat back.
    function finishJob(bytes32 jobId) private {
        while (job(jobId).phase == IAssay.Phase.Active) {
            finish(jobId);
        }
        for (uint256 i = 0; i < 8; i++) {
            unbond(jobId, actor("solver", i));
            unbond(jobId, actor("verifier", i));
        }
        books(jobId);
    }

    function unbond(bytes32 jobId, address account) private {
        eq(assay.seatOf(jobId, account).reserved, 0, "nothing stays reserved");
        if (assay.seatOf(jobId, account).stake > 0) assay.unbond(jobId, account);
    }

    /// @dev A window in which every entry is accepted.
    function accepted(bytes32 jobId) private returns (uint32 w) {
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
    }

    // --------------------------------------------------------- accused again

    /// @dev Who lets its own accusation of a forged entry fail protects that entry against nobody.
    function test_a_false_claim_is_not_laundered_by_an_accuser_that_loses_on_purpose() public {
        bytes32 jobId = start();
        uint32 w = accepted(jobId);
        address guilty = cell(jobId, 0);
        bytes32 entryHash = assay.entryOf(jobId, w, 0).entryHash;
        oracle.silence(stranger, true);
        oracle.tell(entryHash, true);
        accuse(stranger, jobId, w, 0);
        uphold(entryHash);
        eq(wealth(jobId, guilty), FUNDS + BOND / 2, "half the bond, and nothing is slashed");
        yes(!assay.entryOf(jobId, w, 0).disputed, "the dispute is over");

        accuse(whistleblower, jobId, w, 0);
        yes(assay.disputeOf(entryHash).ruling == IArbiter.Ruling.Pending, "accused again");
        eq(assay.disputeOf(entryHash).accusers.length, 1, "by whom it was not before");
        eq(assay.seatOf(jobId, guilty).accused, 1, "accused once");
        cannotAccuse(stranger, jobId, w, 0);
        vm.roll(window(jobId, w).challengesUntil + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssay.DisputeOpen.selector, 1));
        assay.settleWindow(jobId, w);
        refute(entryHash);
        eq(wealth(jobId, guilty), FUNDS + BOND / 2 - CLAIM, "slashed in the end");
        eq(assay.balanceOf(stranger), FUNDS - BOND, "the bond is gone once");
        uint256 share = (CLAIM + VERDICT) / 2 - 2000 - 300 - 50;
        eq(assay.balanceOf(whistleblower), FUNDS + share, "the bounty");
        yes(window(jobId, w).status == IAssay.WindowStatus.Void, "void");
        eq(job(jobId).openDisputes, 0, "none is open");
        finishJob(jobId);
    }

    function test_who_has_lost_cannot_accuse_again() public {
        bytes32 jobId = start();
        uint32 w = accepted(jobId);
        bytes32 entryHash = challenge(jobId, w, 0);
        cannotAccuse(whistleblower, jobId, w, 0);
        uphold(entryHash);
        cannotAccuse(whistleblower, jobId, w, 0);
        accuse(whistleblower, jobId, w, 1);
        accuse(stranger, jobId, w, 0);
        cannotAccuse(whistleblower, jobId, w, 0);
        uphold(entryHash);
        eq(wealth(jobId, cell(jobId, 0)), FUNDS + BOND, "half of either bond");
        uint48 until = window(jobId, w).challengesUntil;
        yes(block.number > until, "the window takes no more challenges");
        fund(submitter);
        refused(submitter, abi.encodeWithSelector(IAssay.TooLate.selector, until));
        assay.challenge(jobId, 1, w, 0);
        uphold(assay.entryOf(jobId, w, 1).entryHash);
        assay.settleWindow(jobId, w);
        finishJob(jobId);
    }

    /// @dev Whatever it would win as one side it would lose as the other.
    function test_a_solver_cannot_accuse_its_own_claim() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        cannotAccuse(cell(jobId, 0), jobId, w, 0);
        accuse(cell(jobId, 0), jobId, w, 1);
    }

    /// @dev The arbiter has nobody new to hear: the dispute that this opens can be resolved at once.
    function test_a_verifier_that_has_lost_and_rejects_again_pays_again() public {
        bytes32 jobId = start(defaults(), 3, 1);
        uint32 w = commitAndSeed(jobId);
        address verifier = actor("verifier", 0);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i > 1, i > 1 ? i : 0);
        }
        revealVerdict(jobId, w, 0, false, 0);
        bytes32 entryHash = assay.entryOf(jobId, w, 0).entryHash;
        uphold(entryHash);
        eq(wealth(jobId, verifier), FUNDS - VERDICT, "one verdict");
        revealVerdict(jobId, w, 1, false, 0);
        carryOut(entryHash);
        eq(wealth(jobId, verifier), FUNDS - 2 * VERDICT, "and another");
        eq(window(jobId, w).accepted, 3, "both entries are accepted, by nobody");
        revealVerdict(jobId, w, 2, true, 2);
        revealVerdict(jobId, w, 3, true, 3);
        settle(jobId, w);
        eq(assay.seatOf(jobId, verifier).reserved, 0, "released");
        books(jobId);
    }

    /// @dev Nobody settles a window without verdicts by an accusation that comes, and fails, before the draw.
    function test_a_claim_that_is_upheld_before_the_seed_verifies_nothing() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        uphold(challenge(jobId, w, 0));
        eq(window(jobId, w).challengesUntil, 0, "not verified");
        seed(jobId, w);
        vm.roll(block.number + 10);
        vm.expectRevert(abi.encodeWithSelector(IAssay.VerdictsPending.selector, 15));
        assay.settleWindow(jobId, w);
        acceptAll(jobId, w);
        settle(jobId, w);
        finishJob(jobId);
    }

    // --------------------------------------------------------------- refuted

    function test_a_refuted_claim_is_resolved_before_anybody_joins() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        bytes32 entryHash = challenge(jobId, w, 1);
        oracle.tell(entryHash, true);
        commitAll(jobId, w);
        vm.roll(block.number + 7);
        fund(stranger);
        refused(stranger, abi.encodeWithSelector(IAssay.RulingDue.selector, entryHash));
        assay.challenge(jobId, 1, w, 1);
        address acceptor = assay.entryOf(jobId, w, 1).verifier;
        refused(acceptor, abi.encodeWithSelector(IAssay.RulingDue.selector, entryHash));
        assay.revealVerdict(jobId, 1, w, 1, true, 1, DIGEST, SALT);
        carryOut(entryHash);
        eq(wealth(jobId, acceptor), FUNDS, "who had not accepted loses nothing");
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "released");
        books(jobId);
    }

    /// @dev A rejection was committed before the ruling and counts, though its verifier had nobody to play any more.
    function test_a_rejection_of_a_refuted_claim_shares_in_the_bounty() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        bytes32 entryHash = challenge(jobId, w, 1);
        oracle.tell(entryHash, true);
        for (uint16 i = 0; i < 4; i++) {
            commitVerdict(jobId, w, i, i != 1, i);
        }
        vm.roll(block.number + 7);
        address verifier = assay.entryOf(jobId, w, 1).verifier;
        revealVerdict(jobId, w, 1, false, 1);
        carryOut(entryHash);
        uint256 share = (CLAIM / 2 - 2000 - 50) / 2;
        eq(wealth(jobId, verifier), FUNDS + share, "half");
        eq(assay.balanceOf(whistleblower), FUNDS + share, "half");
        books(jobId);
    }

    /// @return i The first entry of a slot whose two entries have different verifiers.
    function slotOfTwo(bytes32 jobId, uint32 w) private view returns (uint16 i) {
        if (verifierOf(jobId, w, 0) == verifierOf(jobId, w, 1)) i = 2;
        yes(verifierOf(jobId, w, i) != verifierOf(jobId, w, i + 1), "different verifiers");
    }

    /// @dev Two rejections and two bonds, one of each by somebody that did not play.
    function test_accusers_that_lost_pay_beside_those_that_won() public {
        bytes32 jobId = start(defaults(), 3, 8);
        uint32 w = commitAndSeed(jobId);
        uint16 i = slotOfTwo(jobId, w);
        (address good, address bad) = (verifierOf(jobId, w, i), verifierOf(jobId, w, i + 1));
        for (uint16 k = 0; k < 4; k++) {
            bool rejects = k / 2 == i / 2;
            commitVerdict(jobId, w, k, !rejects, rejects ? i : k);
        }
        oracle.silence(bad, true);
        oracle.silence(stranger, true);
        oracle.meter(1000);
        revealVerdict(jobId, w, i, false, i);
        revealVerdict(jobId, w, i + 1, false, i);
        accuse(stranger, jobId, w, i);
        bytes32 entryHash = challenge(jobId, w, i);
        refute(entryHash);
        uint256 lost = CLAIM + BOND + VERDICT;
        eq(address(0xdead).balance, lost / 2, "half of all that is lost is burned");
        // Of the rest: two players' gas, the other cell's entries, the commit; two share.
        uint256 share = (lost / 2 - 2 * 1000 - 2 * 1000 - 50) / 2;
        eq(wealth(jobId, good), FUNDS + 1000 + share, "gas and a share");
        eq(assay.balanceOf(whistleblower), FUNDS + 1000 + share, "gas, a share, the bond");
        eq(wealth(jobId, bad), FUNDS - VERDICT, "the verdict's stake");
        eq(assay.balanceOf(stranger), FUNDS - BOND, "the bond");
        eq(assay.seatOf(jobId, good).reserved + assay.seatOf(jobId, bad).reserved, 0, "released");
        finishJob(jobId);
    }

    // ------------------------------------------------------------------- gas

    function test_gas_is_repaid_first_and_no_more_than_one_game_of_it() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        address honest = cell(jobId, 1);
        oracle.meter(3 * GAME);
        accuse(stranger, jobId, w, 0);
        refute(challenge(jobId, w, 0));
        uint256 share = (CLAIM / 2 - GAME - 2000 - 50) / 2;
        eq(assay.balanceOf(stranger), FUNDS + GAME / 2 + share, "half a game's gas and a share");
        eq(assay.balanceOf(whistleblower), FUNDS + GAME / 2 + share, "half a game's gas and a share");
        eq(wealth(jobId, honest), FUNDS + 2000, "and what was voided");
        books(jobId);
    }

    function test_gas_leaves_what_voided_work_is_owed() public {
        IAssay.JobTerms memory t = defaults();
        t.claimStake = 2 * (GAME + 2 * (2 * 2 * 1100 + 50));
        bytes32 jobId = start(t, 3, 3);
        uint32 w = commit(jobId);
        oracle.meter(3 * GAME);
        accuse(stranger, jobId, w, 0);
        refute(challenge(jobId, w, 0));
        uint256 rest = t.claimStake / 2 - GAME - 2000 - 50;
        eq(assay.balanceOf(stranger), FUNDS + GAME / 2 + rest / 2, "half a game's gas and a share");
        eq(assay.balanceOf(whistleblower), FUNDS + GAME / 2 + rest / 2, "half a game's gas and a share");
        eq(wealth(jobId, cell(jobId, 1)), FUNDS + 2000, "what was voided is paid all the same");
        books(jobId);
    }

    /// @dev Eight that lose on purpose keep everybody else out, until they have lost: then the window takes challenges again.
    function test_a_full_dispute_that_is_upheld_leaves_time_for_others() public {
        bytes32 jobId = start();
        uint32 w = accepted(jobId);
        bytes32 entryHash = assay.entryOf(jobId, w, 0).entryHash;
        oracle.tell(entryHash, true);
        for (uint256 i = 0; i < 8; i++) {
            oracle.silence(actor("accuser", i), true);
            accuse(actor("accuser", i), jobId, w, 0);
        }
        cannotAccuse(whistleblower, jobId, w, 0);
        uint256 period = assay.termsOf(jobId).responsePeriod + 1;
        vm.roll(block.number + period);
        vm.roll(window(jobId, w).challengesUntil + 1);
        assay.resolve(entryHash);
        eq(window(jobId, w).challengesUntil, block.number + assay.termsOf(jobId).challengePeriod, "open again");
        accuse(whistleblower, jobId, w, 0);
        vm.roll(block.number + period);
        assay.resolve(entryHash);
        yes(assay.disputeOf(entryHash).ruling == IArbiter.Ruling.Refuted, "refuted");
    }

    // -------------------------------------------------------------- deserted

    /// @dev The solver of entry 0 lets its seat go; the acceptor takes its own and saves the claim.
    function deserted(bytes32 jobId) private returns (uint32 w, bytes32 entryHash, address gone, address acceptor) {
        w = accepted(jobId);
        gone = cell(jobId, 0);
        acceptor = assay.entryOf(jobId, w, 0).verifier;
        oracle.silence(gone, true);
        entryHash = challenge(jobId, w, 0);
        uphold(entryHash);
    }

    function test_who_deserts_a_true_claim_is_slashed_and_leaves() public {
        bytes32 jobId = start();
        uint32 first = accepted(jobId);
        (uint32 w, bytes32 entryHash, address gone, address acceptor) = deserted(jobId);
        eq(wealth(jobId, gone), FUNDS - CLAIM, "the claim's stake");
        eq(wealth(jobId, acceptor), FUNDS + (CLAIM + BOND) / 2, "half of all to the seat that stood");
        eq(address(0xdead).balance, (CLAIM + BOND) / 2, "half is burned");
        eq(assay.seatOf(jobId, gone).reserved, 3 * CLAIM, "its other claims stand");
        yes(assay.seatOf(jobId, gone).left, "it leaves");
        IAssay.JobView memory v = job(jobId);
        eq(v.epoch, 2, "next epoch");
        eq(v.nextWindow, w + 1, "all windows stay");
        eq(v.root, rootAt(8, 0), "and so does the root");
        yes(cell(jobId, 0) != gone, "replaced");
        assay.settleWindow(jobId, first);
        eq(assay.seatOf(jobId, gone).reserved, CLAIM, "one claim of this window was lost");
        settle(jobId, w);
        eq(wealth(jobId, gone), FUNDS - CLAIM + 4000, "paid for what it did");
        assay.unbond(jobId, gone);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NoDispute.selector, entryHash));
        assay.resolve(entryHash);
        finishJob(jobId);
    }

    function test_a_deserted_claim_that_is_upheld_again_costs_its_solver_nothing_more() public {
        bytes32 jobId = start();
        (uint32 w, bytes32 entryHash, address gone, address acceptor) = deserted(jobId);
        accuse(stranger, jobId, w, 0);
        uphold(entryHash);
        eq(wealth(jobId, gone), FUNDS - CLAIM, "slashed once");
        eq(wealth(jobId, acceptor), FUNDS + (CLAIM + BOND) / 2 + BOND / 2, "half of the second bond");
        eq(job(jobId).epoch, 2, "it leaves once");
        settle(jobId, w);
        eq(assay.seatOf(jobId, gone).reserved, 0, "released");
        finishJob(jobId);
    }

    function test_a_deserted_claim_that_is_refuted_later_costs_its_acceptor() public {
        bytes32 jobId = start();
        (uint32 w, bytes32 entryHash, address gone, address acceptor) = deserted(jobId);
        uint256 before = wealth(jobId, acceptor);
        accuse(stranger, jobId, w, 0);
        refute(entryHash);
        eq(wealth(jobId, gone), FUNDS - CLAIM, "slashed once");
        eq(assay.seatOf(jobId, gone).reserved, 0, "its other claim is void");
        eq(wealth(jobId, acceptor), before - VERDICT + repaid(jobId, w, acceptor), "the verdict's stake");
        uint256 share = VERDICT / 2 - 2000 - 300 - 50;
        eq(assay.balanceOf(stranger), FUNDS + share, "there is less to share");
        yes(window(jobId, w).status == IAssay.WindowStatus.Void, "void");
        finishJob(jobId);
    }

    /// @dev Fees for the voided acceptances of entries 1 to 3.
    function repaid(bytes32 jobId, uint32 w, address verifier) private view returns (uint256 fees) {
        for (uint16 i = 1; i < 4; i++) {
            if (assay.entryOf(jobId, w, i).verifier == verifier) fees += 100;
        }
    }

    function test_a_deserted_claim_is_voided_with_its_window() public {
        bytes32 jobId = start(defaults(), 4, 3);
        (uint32 w,, address gone, address acceptor) = deserted(jobId);
        address honest = cell(jobId, 1);
        accuse(stranger, jobId, w, 3);
        refute(assay.entryOf(jobId, w, 3).entryHash);
        eq(wealth(jobId, gone), FUNDS - CLAIM + 1000, "repaid for the claim that it kept");
        eq(wealth(jobId, honest), FUNDS - CLAIM, "the other is slashed");
        eq(assay.seatOf(jobId, gone).reserved, 0, "released");
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "released");
        finishJob(jobId);
    }

    /// @dev The claim's window is void before the ruling.
    function test_a_claim_of_a_void_window_can_be_deserted() public {
        bytes32 jobId = start(defaults(), 4, 3);
        uint32 w = accepted(jobId);
        address gone = cell(jobId, 0);
        address acceptor = assay.entryOf(jobId, w, 0).verifier;
        oracle.silence(gone, true);
        bytes32 entryHash = challenge(jobId, w, 0);
        accuse(stranger, jobId, w, 1);
        refute(assay.entryOf(jobId, w, 1).entryHash);
        uint256 before = wealth(jobId, acceptor);
        eq(assay.seatOf(jobId, gone).reserved, CLAIM, "the accused claim holds its stake");
        uint32 again = commit(jobId);
        uphold(entryHash);
        eq(wealth(jobId, gone), FUNDS - CLAIM, "slashed");
        eq(wealth(jobId, acceptor), before + (CLAIM + BOND) / 2, "to the acceptor");
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "released");
        eq(assay.seatOf(jobId, gone).reserved, 2 * CLAIM, "the new claims stand");
        yes(window(jobId, again).status == IAssay.WindowStatus.Committed, "and so does the new window");
        eq(job(jobId).epoch, 3, "without it from here on");
        seed(jobId, again);
        acceptAll(jobId, again);
        settle(jobId, again);
        finishJob(jobId);
    }

    function test_a_deserted_claim_of_a_void_window_ends() public {
        endVoid(false);
    }

    function test_a_deserted_and_false_claim_of_a_void_window_ends() public {
        endVoid(true);
    }

    /// @dev A deserted claim, accused again, whose window is voided before the second ruling.
    function endVoid(bool isFalse) private {
        bytes32 jobId = start(defaults(), 4, 3);
        (uint32 w, bytes32 entryHash, address gone, address acceptor) = deserted(jobId);
        accuse(stranger, jobId, w, 0);
        accuse(stranger, jobId, w, 3);
        refute(assay.entryOf(jobId, w, 3).entryHash);
        eq(assay.seatOf(jobId, gone).reserved, 0, "nothing is reserved for it");
        eq(assay.seatOf(jobId, acceptor).reserved, VERDICT, "its acceptor still answers for it");
        uint256 stake = assay.seatOf(jobId, acceptor).stake;
        uint32 again = commit(jobId);
        if (isFalse) refute(entryHash);
        else uphold(entryHash);
        eq(assay.seatOf(jobId, gone).stake, 4 * CLAIM, "slashed once");
        eq(assay.seatOf(jobId, acceptor).reserved, 0, "released");
        eq(assay.seatOf(jobId, acceptor).stake, isFalse ? stake - VERDICT : stake, "the verdict's stake");
        yes(window(jobId, again).status == IAssay.WindowStatus.Committed, "the new window stands");
        eq(job(jobId).epoch, 3, "nobody else leaves");
        seed(jobId, again);
        acceptAll(jobId, again);
        settle(jobId, again);
        finishJob(jobId);
    }

    // --------------------------------------------------------------- parties

    /// @dev Whoever accepts an accused claim answers for it, and may save it.
    function test_an_acceptor_joins_a_dispute_that_is_open() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        address gone = cell(jobId, 1);
        oracle.silence(gone, true);
        bytes32 entryHash = challenge(jobId, w, 1);
        commitAll(jobId, w);
        vm.roll(block.number + 6);
        revealVerdict(jobId, w, 1, true, 1);
        address acceptor = assay.entryOf(jobId, w, 1).verifier;
        uphold(entryHash);
        eq(wealth(jobId, gone), FUNDS - CLAIM, "the solver had deserted it");
        eq(wealth(jobId, acceptor), FUNDS + (CLAIM + BOND) / 2, "and the acceptor has not");
        eq(assay.seatOf(jobId, acceptor).reserved % VERDICT, 0, "whole verdicts are reserved");
    }

    function test_who_accepts_between_two_disputes_answers_in_the_second() public {
        bytes32 jobId = start();
        uint32 w = commitAndSeed(jobId);
        commitAll(jobId, w);
        accuse(stranger, jobId, w, 1);
        bytes32 entryHash = assay.entryOf(jobId, w, 1).entryHash;
        uphold(entryHash);
        for (uint16 i = 0; i < 4; i++) {
            revealVerdict(jobId, w, i, true, i);
        }
        address gone = cell(jobId, 1);
        address acceptor = assay.entryOf(jobId, w, 1).verifier;
        oracle.silence(gone, true);
        challenge(jobId, w, 1);
        uphold(entryHash);
        eq(wealth(jobId, gone), FUNDS + BOND / 2 - CLAIM, "half of a bond, then deserted");
        eq(wealth(jobId, acceptor), FUNDS + (CLAIM + BOND) / 2, "saved by its acceptor");
        settle(jobId, w);
        finishJob(jobId);
    }
}
