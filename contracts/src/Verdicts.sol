// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Accusations} from "./Accusations.sol";
import {Draws} from "./Draws.sol";
import {Hashes} from "./Hashes.sol";
import {IArbiter} from "./IArbiter.sol";
import {IAssay} from "./IAssay.sol";
import {Plan} from "./Plan.sol";
import {EntryState, Job, MAX_ROUNDS, State, Window, blockNow, entryKey} from "./State.sol";
import {Vault} from "./Vault.sol";
import {Windows} from "./Windows.sol";

/// @title Verdicts: the verifier draw, commit, reveal, abstention, redraw, lapse
library Verdicts {
    using Vault for Job;

    function drawn(State storage s, bytes32 jobId, uint32 w, uint16 index)
        public
        view
        returns (bool sampled, address verifier)
    {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        if (index >= window.entries) revert IAssay.OutOfRange(index);
        if (!window.seeded) revert IAssay.NotSeeded(w);
        sampled = window.sampled >> index & 1 == 1;
        if (sampled) verifier = verifierOf(window, job.pool, index, window.round);
    }

    function verifierOf(Window storage window, IAssay.Member[] memory pool, uint16 index, uint8 round)
        private
        view
        returns (address)
    {
        return Draws.verifier(window.seed, window.state[entryKey(window.epoch, index)].entryHash, round, pool);
    }

    function commit(State storage s, bytes32 jobId, uint32 epoch, uint32 w, uint16 index, bytes32 commitment) external {
        Job storage job = s.jobs[jobId];
        Window storage window = checkTurn(s, jobId, epoch, w, index);
        EntryState storage entry = window.state[entryKey(epoch, index)];
        job.reserve(Vault.Place(jobId, w, index), msg.sender, job.terms.verdictStake);
        entry.commitment = commitment;
        entry.verifier = msg.sender;
        window.committed |= uint64(1) << index;
        emit IAssay.VerdictCommitted(jobId, w, epoch, index, msg.sender, commitment);
    }

    function abstain(State storage s, bytes32 jobId, uint32 epoch, uint32 w, uint16 index) external {
        Window storage window = checkTurn(s, jobId, epoch, w, index);
        window.abstained |= uint64(1) << index;
        emit IAssay.VerdictAbstained(jobId, w, epoch, index, msg.sender);
    }

    /// @dev The caller is the drawn verifier of the round and has not spoken yet.
    function checkTurn(State storage s, bytes32 jobId, uint32 epoch, uint32 w, uint16 index)
        private
        view
        returns (Window storage window)
    {
        Job storage job = s.jobs[jobId];
        window = job.windows[w];
        checkLive(job, window, epoch, w);
        (bool sampled, address verifier) = drawn(s, jobId, w, index);
        if (!sampled || verifier != msg.sender) revert IAssay.NotDrawn(index, verifier);
        if (blockNow() > window.verdictsUntil) revert IAssay.TooLate(window.verdictsUntil);
        if ((window.committed | window.abstained) >> index & 1 == 1) revert IAssay.VerdictGiven(index);
    }

    function checkLive(Job storage job, Window storage window, uint32 epoch, uint32 w) private view {
        if (window.status != IAssay.WindowStatus.Committed) revert IAssay.WrongWindow(w);
        if (epoch != window.epoch) revert IAssay.WrongEpoch(window.epoch);
        if (blockNow() > job.deadline) revert IAssay.TooLate(job.deadline);
    }

    function reveal(
        State storage s,
        IArbiter arbiter,
        bytes32 jobId,
        uint32 epoch,
        uint32 w,
        uint16 index,
        bool accept,
        uint16 against,
        bytes32 digest,
        bytes32 salt
    ) external {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        checkLive(job, window, epoch, w);
        checkReveal(window, index);
        EntryState storage entry = window.state[entryKey(epoch, index)];
        if (entry.verifier != msg.sender) revert IAssay.NotDrawn(index, entry.verifier);
        uint256 replicas = job.cells[epoch].length;
        bool target = accept ? against == index : against < window.entries && against / replicas == index / replicas;
        if (!target) revert IAssay.WrongTarget(against);
        bytes32 commitment = Hashes.verdict(entry.entryHash, msg.sender, accept, against, digest, salt);
        if (commitment != entry.commitment) revert IAssay.WrongCommitment(index);
        emit IAssay.VerdictRevealed(jobId, w, epoch, index, msg.sender, accept, against, digest);
        if (accept) {
            Accusations.answerFor(s, arbiter, entry.entryHash);
            entry.accepted = true;
            window.accepted |= uint64(1) << index;
            Windows.markVerified(job, window, jobId, w);
        } else {
            window.rejected |= uint64(1) << index;
            Accusations.accuse(s, arbiter, jobId, w, against, index);
        }
    }

    /// @dev Reveals start when nobody can profit from copying: all drawn verifiers have committed or missed their time.
    function checkReveal(Window storage window, uint16 index) private view {
        uint64 given = window.accepted | window.rejected;
        if (index >= window.entries) revert IAssay.OutOfRange(index);
        if (window.committed >> index & 1 == 0) revert IAssay.WrongCommitment(index);
        if (given >> index & 1 == 1) revert IAssay.VerdictGiven(index);
        uint64 missing = window.sampled & ~(given | window.committed | window.abstained);
        if (missing != 0 && blockNow() <= window.verdictsUntil) revert IAssay.VerdictsPending(missing);
        if (blockNow() > window.revealsUntil) revert IAssay.TooLate(window.revealsUntil);
    }

    function redraw(State storage s, bytes32 jobId, uint32 w) external {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        if (window.status != IAssay.WindowStatus.Committed) revert IAssay.WrongWindow(w);
        if (!window.seeded) revert IAssay.NotSeeded(w);
        // Rejections wait for their rulings, the others for nobody: a dispute must not shelter who stays silent.
        uint64 missing = window.sampled & ~window.accepted & ~window.rejected;
        if (missing == 0) revert IAssay.NothingMissing(w);
        checkRoundOver(window, missing);

        IAssay.Member[] memory pool = job.pool;
        uint8 round = window.round;
        bool exhausted = round + 1 == MAX_ROUNDS || round + 1 >= pool.length;
        penalize(job, window, pool, Vault.Place(jobId, w, 0), missing & ~window.abstained);
        if (exhausted) return lapse(s, job, window, jobId, w, missing);
        window.round = round + 1;
        window.committed &= ~missing;
        window.abstained = 0;
        window.verdictsUntil = blockNow() + job.terms.verdictPeriod;
        window.revealsUntil = window.verdictsUntil + job.terms.revealPeriod;
        emit IAssay.Redrawn(jobId, w, window.epoch, round + 1, missing);
    }

    /// @dev A round ends with its last deadline, or earlier when nobody is left who could still speak.
    function checkRoundOver(Window storage window, uint64 missing) private view {
        uint64 unrevealed = missing & window.committed;
        uint64 silent = missing & ~(window.committed | window.abstained);
        uint48 until = unrevealed != 0 ? window.revealsUntil : silent != 0 ? window.verdictsUntil : 0;
        if (blockNow() <= until) revert IAssay.TooEarly(until + 1);
    }

    /// @dev Whoever was drawn and neither revealed nor abstained loses one verdict's stake.
    function penalize(
        Job storage job,
        Window storage window,
        IAssay.Member[] memory pool,
        Vault.Place memory place,
        uint64 absent
    ) private {
        uint256 lost;
        for (uint16 i = 0; absent >> i != 0; i++) {
            if (absent >> i & 1 == 0) continue;
            place.index = i;
            address verifier = verifierOf(window, copy(pool), i, window.round);
            if (window.committed >> i & 1 == 1) job.release(place, verifier, job.terms.verdictStake);
            lost += job.slash(place, verifier, job.terms.verdictStake);
        }
        place.index = type(uint16).max;
        Vault.burn(place, lost);
    }

    function copy(IAssay.Member[] memory pool) private pure returns (IAssay.Member[] memory out) {
        out = new IAssay.Member[](pool.length);
        for (uint256 i = 0; i < pool.length; i++) {
            out[i] = IAssay.Member(pool[i].account, pool[i].weight);
        }
    }

    /// @dev Nobody judged the window in time: it and all after it are void, unpaid and unslashed, and redone in the next
    /// epoch; from the second lapse on without the cell of the first entry that nobody could judge.
    function lapse(State storage s, Job storage job, Window storage window, bytes32 jobId, uint32 w, uint64 missing)
        private
    {
        window.committed &= ~missing;
        window.lapses++;
        emit IAssay.WindowLapsed(jobId, w, window.epoch);
        address leaver;
        if (window.lapses > 1) {
            uint16 first;
            while (missing >> first & 1 == 0) first++;
            address[] storage cells = job.cells[window.epoch];
            leaver = cells[first % cells.length];
        }
        Plan.voidWindows(s, jobId, w, 0, address(0));
        Plan.replan(s, jobId, w, leaver);
    }
}
