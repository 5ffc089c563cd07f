// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "./IAssay.sol";
import {GAME_GAS, MAX_DEPTH, MAX_WINDOW_ENTRIES} from "./State.sol";

/// @title What follows from a job's terms alone: sizes, costs, stakes
library Terms {
    /// @dev Reverts with the name of the first term that is out of range.
    function check(IAssay.JobTerms memory t) internal pure {
        if (t.factsHash == 0) revert IAssay.InvalidTerms("factsHash");
        if (t.steps == 0) revert IAssay.InvalidTerms("steps");
        if (t.entrySteps == 0) revert IAssay.InvalidTerms("entrySteps");
        if (t.replicas == 0 || t.replicas & (t.replicas - 1) != 0) revert IAssay.InvalidTerms("replicas");
        if (t.entriesPerWindow == 0) revert IAssay.InvalidTerms("entriesPerWindow");
        if (uint256(t.entriesPerWindow) * t.replicas > MAX_WINDOW_ENTRIES) {
            revert IAssay.InvalidTerms("entriesPerWindow");
        }
        if (t.depth == 0 || t.depth > MAX_DEPTH) revert IAssay.InvalidTerms("depth");
        if (t.sampleRate == 0) revert IAssay.InvalidTerms("sampleRate");
        if (t.entryPrice == 0) revert IAssay.InvalidTerms("entryPrice");
        if (t.claimStake < minimumClaimStake(t)) revert IAssay.InvalidTerms("claimStake");
        if (t.gasPrice == 0) revert IAssay.InvalidTerms("gasPrice");
        if (t.verdictStake < minimumBond(t)) revert IAssay.InvalidTerms("verdictStake");
        if (t.challengeBond < minimumBond(t)) revert IAssay.InvalidTerms("challengeBond");
        if (t.coordinatorBond == 0) revert IAssay.InvalidTerms("coordinatorBond");
        if (t.coordinatorBond > type(uint96).max) revert IAssay.InvalidTerms("coordinatorBond");
        if (solverStake(t) > type(uint96).max) revert IAssay.InvalidTerms("claimStake");
        if (verifierStake(t) > type(uint96).max) revert IAssay.InvalidTerms("verdictStake");
        if (t.bidPeriod == 0) revert IAssay.InvalidTerms("bidPeriod");
        if (t.commitPeriod == 0) revert IAssay.InvalidTerms("commitPeriod");
        if (t.verdictPeriod == 0) revert IAssay.InvalidTerms("verdictPeriod");
        if (t.revealPeriod == 0) revert IAssay.InvalidTerms("revealPeriod");
        if (t.challengePeriod == 0) revert IAssay.InvalidTerms("challengePeriod");
        // As the arbiter takes it: clocks grow to three periods.
        if (t.responsePeriod == 0 || t.responsePeriod >= 1 << 30) revert IAssay.InvalidTerms("responsePeriod");
        if (t.jobPeriod <= t.bidPeriod) revert IAssay.InvalidTerms("jobPeriod");
    }

    function slots(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return (uint256(t.steps) + t.entrySteps - 1) / t.entrySteps;
    }

    function windows(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return (slots(t) + t.entriesPerWindow - 1) / t.entriesPerWindow;
    }

    /// @dev A slot's work is the same however many replicas share it, and so is its price.
    function slotPrice(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return uint256(t.entryPrice) * t.replicas;
    }

    /// @dev Worst case: every slot has all replicas and every entry is drawn.
    function slotCost(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return slotPrice(t) + uint256(t.verdictFee) * t.replicas;
    }

    function escrow(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return slots(t) * slotCost(t) + windows(t) * t.windowFee;
    }

    /// @dev The escrow of the windows that may be open at once: a job starts with no less.
    function leastEscrow(IAssay.JobTerms memory t) internal pure returns (uint256) {
        uint256 open = uint256(t.depth) * t.entriesPerWindow;
        return open < slots(t) ? open * slotCost(t) + uint256(t.depth) * t.windowFee : escrow(t);
    }

    /// @dev Half of it, which goes to the seat that stood, repays the longest game.
    function minimumBond(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return 2 * GAME_GAS * t.gasPrice;
    }

    /// @dev A forged entry must not pay at the stated rate of sampling, and half of one slashed claim must repay the longest game and
    /// all the honest work that D windows can hold. A lone cell may earn a whole slot with one entry, hence slotPrice.
    function minimumClaimStake(IAssay.JobTerms memory t) internal pure returns (uint256) {
        uint256 deterrent = (slotPrice(t) * 2 ** 64 + t.sampleRate - 1) / t.sampleRate;
        uint256 voided = uint256(t.depth) * (t.entriesPerWindow * slotCost(t) + t.windowFee);
        uint256 repayment = 2 * (voided + GAME_GAS * t.gasPrice);
        return deterrent > repayment ? deterrent : repayment;
    }

    /// @dev A cell's claims of D windows, and one more that answers for faults on sight.
    function solverStake(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return uint256(t.claimStake) * (uint256(t.entriesPerWindow) * t.depth + 1);
    }

    /// @dev The verdicts of D windows, should all of them fall to one verifier.
    function verifierStake(IAssay.JobTerms memory t) internal pure returns (uint256) {
        return uint256(t.verdictStake) * t.entriesPerWindow * t.replicas * t.depth;
    }
}
