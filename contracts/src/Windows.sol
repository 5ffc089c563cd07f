// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Hashes} from "./Hashes.sol";
import {IAssay} from "./IAssay.sol";
import {IRandomness} from "./IRandomness.sol";
import {Plan} from "./Plan.sol";
import {EntryState, Job, State, Window, blockNow, entryKey} from "./State.sol";
import {Vault} from "./Vault.sol";

/// @title Windows: commitment, audit seed, settlement
library Windows {
    using Vault for Job;
    using Vault for State;

    function commit(
        State storage s,
        IRandomness randomness,
        bytes32 jobId,
        uint32 epoch,
        uint32 w,
        IAssay.Entry[] calldata entries,
        bytes[] calldata signatures
    ) external {
        Job storage job = s.jobs[jobId];
        checkCommit(job, epoch, w);
        address[] memory cells = job.cells[epoch];
        uint256 expected = slotsIn(job, w) * cells.length;
        if (entries.length != expected) revert IAssay.WrongEntryCount(expected, entries.length);
        if (signatures.length != expected) revert IAssay.WrongEntryCount(expected, signatures.length);

        Window storage window = job.windows[w];
        open(window, job, w);
        window.entries = uint16(expected);
        window.seedRound = randomness.roundAfter(blockNow());
        uint256 firstSlot = uint256(w) * job.terms.entriesPerWindow;
        bytes32 root = job.root;
        for (uint256 i = 0; i < expected; i++) {
            IAssay.Entry calldata e = entries[i];
            uint256 replica = i % cells.length;
            if (i > 0 && replica == 0) root = entries[i - 1].rootAfter;
            checkPlace(job, e, i, firstSlot + i / cells.length, jobId, epoch, w);
            if (e.replica != replica) revert IAssay.WrongEntry(i, "replica");
            if (e.solver != cells[replica]) revert IAssay.WrongEntry(i, "solver");
            // The init state's root may be left open by the terms: then the first entry claims it.
            if (root == 0 && firstSlot == 0 && i == 0) root = e.rootBefore;
            if (e.rootBefore != root) revert IAssay.WrongEntry(i, "rootBefore");
            if (replica > 0) checkAgreement(e, entries[i - 1], i);
            if (cells.length == 1 && e.lanesRoot != 0) revert IAssay.WrongEntry(i, "lanesRoot");
            bytes32 digest = Hashes.entry(e);
            if (Hashes.signer(digest, signatures[i]) != e.solver) revert IAssay.BadSignature(i);
            window.state[entryKey(epoch, uint16(i))].entryHash = digest;
        }
        for (uint16 r = 0; r < cells.length; r++) {
            uint128 claims = uint128(expected / cells.length);
            job.reserve(Vault.Place(jobId, w, r), cells[r], claims * job.terms.claimStake);
        }
        window.rootBefore = entries[0].rootBefore;
        window.rootAfter = entries[expected - 1].rootAfter;
        job.root = window.rootAfter;
        job.nextWindow = w + 1;
        if (w >= job.peak) job.peak = w + 1;
        job.clock = blockNow();
        job.summonedUntil = 0;
        emit IAssay.WindowCommitted(jobId, w, epoch, msg.sender, window.seedRound, entries, signatures);
    }

    function checkCommit(Job storage job, uint32 epoch, uint32 w) private view {
        if (job.phase != IAssay.Phase.Active) revert IAssay.WrongPhase(job.phase);
        if (blockNow() > job.deadline) revert IAssay.TooLate(job.deadline);
        if (msg.sender != job.lease) revert IAssay.NotAuthorized(job.lease);
        if (epoch != job.epoch) revert IAssay.WrongEpoch(job.epoch);
        if (w != job.nextWindow || w >= job.totalWindows) revert IAssay.WrongWindow(job.nextWindow);
        uint256 cost = costThrough(job, w);
        if (job.escrow < cost) revert IAssay.InsufficientEscrow(cost, job.escrow);
        if (!committable(job)) revert IAssay.WindowNotOpen(w);
    }

    /// @dev Whether the next window waits only for its cells and the lease holder.
    function committable(Job storage job) internal view returns (bool) {
        return underWay(job) && job.nextWindow < job.finalWindows + job.terms.depth;
    }

    /// @dev Whether cells may be at work on the next window: there is one, it has cells, and it is paid for.
    function underWay(Job storage job) internal view returns (bool) {
        return job.replicas > 0 && job.nextWindow < job.totalWindows && job.escrow >= costThrough(job, job.nextWindow);
    }

    /// @dev What the windows from the first one that is not final to `w`, which is not final either, cost at most.
    function costThrough(Job storage job, uint32 w) internal view returns (uint256) {
        IAssay.JobTerms storage t = job.terms;
        uint256 size = t.entriesPerWindow;
        uint256 from = job.finalWindows;
        uint256 end = (uint256(w) + 1) * size;
        if (end > job.totalSlots) end = job.totalSlots;
        return (end - from * size) * ((uint256(t.entryPrice) + t.verdictFee) * t.replicas) + (w + 1 - from) * t.windowFee;
    }

    function slotsIn(Job storage job, uint32 w) internal view returns (uint256) {
        uint256 size = job.terms.entriesPerWindow;
        uint256 left = job.totalSlots - w * size;
        return left < size ? left : size;
    }

    /// @dev Resets a window that an earlier epoch may have used; its lapses are counted over all epochs.
    function open(Window storage window, Job storage job, uint32 w) private {
        window.status = IAssay.WindowStatus.Committed;
        window.epoch = job.epoch;
        window.round = 0;
        window.seeded = false;
        window.probation = w == job.epochWindow;
        window.openDisputes = 0;
        window.committedAt = blockNow();
        window.verdictsUntil = 0;
        window.revealsUntil = 0;
        window.challengesUntil = 0;
        window.sampled = 0;
        window.committed = 0;
        window.abstained = 0;
        window.accepted = 0;
        window.rejected = 0;
        window.coordinator = msg.sender;
    }

    function checkPlace(
        Job storage job,
        IAssay.Entry calldata e,
        uint256 i,
        uint256 slot,
        bytes32 jobId,
        uint32 epoch,
        uint32 w
    ) private view {
        uint256 from = slot * job.terms.entrySteps;
        uint256 to = from + job.terms.entrySteps;
        if (to > job.terms.steps) to = job.terms.steps;
        if (e.jobId != jobId) revert IAssay.WrongEntry(i, "jobId");
        if (e.epoch != epoch) revert IAssay.WrongEntry(i, "epoch");
        if (e.window != w) revert IAssay.WrongEntry(i, "window");
        if (e.stepFrom != from) revert IAssay.WrongEntry(i, "stepFrom");
        if (e.stepTo != to) revert IAssay.WrongEntry(i, "stepTo");
    }

    /// @dev Replicas that have exchanged their sums have the same ones, and claim what follows from them. A replica alone exchanges none.
    function checkAgreement(IAssay.Entry calldata e, IAssay.Entry calldata other, uint256 i) private pure {
        if (e.rootAfter != other.rootAfter) revert IAssay.WrongEntry(i, "rootAfter");
        if (e.lanesRoot != other.lanesRoot) revert IAssay.WrongEntry(i, "lanesRoot");
        if (e.metricsRoot != other.metricsRoot) revert IAssay.WrongEntry(i, "metricsRoot");
    }

    function fixSeed(State storage s, IRandomness randomness, bytes32 jobId, uint32 w) external {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        if (window.status != IAssay.WindowStatus.Committed) revert IAssay.WrongWindow(w);
        if (window.seeded) revert IAssay.AlreadySeeded(w);
        bytes32 value = randomness.record(window.seedRound);
        bytes32 seed = Hashes.auditSeed(jobId, window.epoch, w, value);
        uint64 sampled = sample(job, window, seed);
        window.seed = seed;
        window.seeded = true;
        window.sampled = sampled;
        window.verdictsUntil = blockNow() + job.terms.verdictPeriod;
        window.revealsUntil = window.verdictsUntil + job.terms.revealPeriod;
        emit IAssay.SeedFixed(jobId, w, window.epoch, seed, sampled);
        markVerified(job, window, jobId, w);
    }

    function sample(Job storage job, Window storage window, bytes32 seed) private view returns (uint64 mask) {
        uint64 rate = job.terms.sampleRate;
        uint32 epoch = window.epoch;
        uint256 probation = window.probation ? job.cells[epoch].length : 0;
        for (uint16 i = 0; i < window.entries; i++) {
            bool drawn = i < probation || rate == type(uint64).max
                || Hashes.sample(seed, window.state[entryKey(epoch, i)].entryHash) < rate;
            if (drawn) mask |= uint64(1) << i;
        }
    }

    /// @dev Starts the challenge period once every drawn entry is accepted.
    function markVerified(Job storage job, Window storage window, bytes32 jobId, uint32 w) internal {
        // Before the seed nothing is drawn yet: a claim that is upheld so early verifies nothing.
        if (!window.seeded || window.accepted != window.sampled || window.challengesUntil > 0) return;
        window.challengesUntil = blockNow() + job.terms.challengePeriod;
        emit IAssay.WindowVerified(jobId, w, window.epoch, window.challengesUntil);
    }

    /// @dev Those who had no place among the accusers of a claim, which has stood against them all, get their time.
    function reopen(Job storage job, Window storage window, bytes32 jobId, uint32 w) internal {
        if (window.challengesUntil == 0) return;
        window.challengesUntil = blockNow() + job.terms.challengePeriod;
        emit IAssay.WindowVerified(jobId, w, window.epoch, window.challengesUntil);
    }

    function settle(State storage s, bytes32 jobId, uint32 w) external {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        if (job.phase != IAssay.Phase.Active) revert IAssay.WrongPhase(job.phase);
        if (w != job.finalWindows || w >= job.nextWindow) revert IAssay.WrongWindow(job.finalWindows);
        if (!window.seeded) revert IAssay.NotSeeded(w);
        if (window.openDisputes > 0) revert IAssay.DisputeOpen(window.openDisputes);
        if (window.challengesUntil == 0) revert IAssay.VerdictsPending(window.sampled & ~window.accepted);
        if (blockNow() <= window.challengesUntil) revert IAssay.TooEarly(window.challengesUntil + 1);

        window.status = IAssay.WindowStatus.Final;
        job.finalWindows = w + 1;
        job.finalRoot = window.rootAfter;
        job.clock = blockNow();
        emit IAssay.WindowFinal(jobId, w, window.epoch, window.rootAfter);
        uint256 paid = payCells(s, job, window, Vault.Place(jobId, w, 0));
        paid += payVerdicts(s, job, window, Vault.Place(jobId, w, 0));
        s.credit(
            Vault.Place(jobId, w, type(uint16).max),
            window.coordinator,
            job.terms.windowFee,
            IAssay.Reason.CoordinatorFee
        );
        job.escrow -= paid + job.terms.windowFee;
        if (job.finalWindows == job.totalWindows) close(s, job, jobId);
    }

    function payCells(State storage s, Job storage job, Window storage window, Vault.Place memory place)
        private
        returns (uint256 paid)
    {
        address[] memory cells = job.cells[window.epoch];
        uint128 count = uint128(window.entries / cells.length);
        uint256 pay = count * Plan.entryPay(job, cells.length);
        for (uint16 r = 0; r < cells.length; r++) {
            place.index = r;
            job.release(place, cells[r], held(window, r, cells.length) * job.terms.claimStake);
            s.credit(place, cells[r], pay, IAssay.Reason.Payout);
            paid += pay;
        }
    }

    /// @dev Entries of a cell for which claim stakes are reserved.
    function held(Window storage window, uint256 replica, uint256 replicas) private view returns (uint128 count) {
        for (uint256 i = replica; i < window.entries; i += replicas) {
            if (!window.state[entryKey(window.epoch, uint16(i))].forfeited) count++;
        }
    }

    function payVerdicts(State storage s, Job storage job, Window storage window, Vault.Place memory place)
        private
        returns (uint256 paid)
    {
        uint64 accepted = window.accepted;
        for (uint16 i = 0; accepted >> i != 0; i++) {
            if (accepted >> i & 1 == 0) continue;
            EntryState storage entry = window.state[entryKey(window.epoch, i)];
            if (!entry.accepted) continue; // upheld by the arbiter: nobody's verdict
            place.index = i;
            job.release(place, entry.verifier, job.terms.verdictStake);
            s.credit(place, entry.verifier, job.terms.verdictFee, IAssay.Reason.VerdictFee);
            paid += job.terms.verdictFee;
        }
    }

    function close(State storage s, Job storage job, bytes32 jobId) internal {
        job.phase = IAssay.Phase.Settled;
        uint256 unused = job.escrow;
        job.escrow = 0;
        s.credit(Vault.wholeJob(jobId), job.submitter, unused, IAssay.Reason.Refund);
        emit IAssay.JobSettled(jobId, job.finalRoot);
    }
}
