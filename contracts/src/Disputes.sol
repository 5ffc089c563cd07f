// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Hashes} from "./Hashes.sol";
import {IArbiter} from "./IArbiter.sol";
import {IAssay} from "./IAssay.sol";
import {Plan} from "./Plan.sol";
import {
    Accuser,
    Dispute,
    EntryState,
    Job,
    MAX_CHALLENGERS,
    NO_INDEX,
    State,
    Window,
    blockNow,
    entryKey
} from "./State.sol";
import {Vault} from "./Vault.sol";
import {Windows} from "./Windows.sol";

/// @title Disputes: accusations, rulings, slashes, faults on sight
library Disputes {
    using Vault for Job;
    using Vault for State;

    function challenge(State storage s, IArbiter arbiter, bytes32 jobId, uint32 epoch, uint32 w, uint16 index)
        external
    {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        if (window.status != IAssay.WindowStatus.Committed) revert IAssay.WrongWindow(w);
        if (epoch != window.epoch) revert IAssay.WrongEpoch(window.epoch);
        if (index >= window.entries) revert IAssay.OutOfRange(index);
        if (window.challengesUntil > 0 && blockNow() > window.challengesUntil) {
            revert IAssay.TooLate(window.challengesUntil);
        }
        if (blockNow() > job.deadline) revert IAssay.TooLate(job.deadline);
        s.debit(Vault.Place(jobId, w, index), msg.sender, job.terms.challengeBond, IAssay.Reason.Bond);
        accuse(s, arbiter, jobId, w, index, NO_INDEX);
    }

    /// @dev Opens the dispute over an entry of a committed window, or joins it. `verdict` is the entry whose rejection is
    /// the accusation; NO_INDEX for a bonded challenge.
    function accuse(State storage s, IArbiter arbiter, bytes32 jobId, uint32 w, uint16 index, uint16 verdict) internal {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        uint32 epoch = window.epoch;
        EntryState storage entry = window.state[entryKey(epoch, index)];
        bytes32 entryHash = entry.entryHash;
        Dispute storage d = s.disputes[entryHash];
        if (d.accusers.length == 0) {
            address[] storage cells = job.cells[epoch];
            d.jobId = jobId;
            d.epoch = epoch;
            d.window = w;
            d.index = index;
            d.solver = cells[index % cells.length];
            d.open = true;
            entry.disputed = true;
            window.openDisputes++;
            job.openDisputes++;
            job.seats[d.solver].accused++;
        }
        bool bonded = verdict == NO_INDEX;
        bool known = accuses(d, msg.sender);
        if (!d.open || (bonded && (known || d.accusers.length >= MAX_CHALLENGERS))) {
            revert IAssay.CannotAccuse(entryHash, msg.sender);
        }
        if (!known) d.accusers.push(Accuser(msg.sender, bonded));
        if (!bonded) d.rejections |= uint64(1) << verdict;
        arbiter.open(IArbiter.Claim(entryHash, jobId, d.solver, job.terms.responsePeriod), msg.sender);
        emit IAssay.Challenged(jobId, entryHash, msg.sender, d.solver, w, epoch, index);
    }

    function accuses(Dispute storage d, address account) private view returns (bool) {
        for (uint256 i = 0; i < d.accusers.length; i++) {
            if (d.accusers[i].account == account) return true;
        }
        return false;
    }

    function contest(State storage s, IArbiter arbiter, bytes32 entryHash) external {
        Dispute storage d = s.disputes[entryHash];
        if (!d.open) revert IAssay.NoDispute(entryHash);
        EntryState storage entry = s.jobs[d.jobId].windows[d.window].state[entryKey(d.epoch, d.index)];
        bool acceptor = entry.accepted && msg.sender == entry.verifier;
        if (msg.sender != d.solver && !acceptor) revert IAssay.NotAuthorized(d.solver);
        arbiter.defend(entryHash, msg.sender);
    }

    /// @dev Whoever accepts an accused claim answers for it from now on, and has a whole response period to contest. What is
    /// decided has to be resolved first; that voids the claim, or upholds it.
    function answerFor(State storage s, IArbiter arbiter, Job storage job, bytes32 entryHash) internal {
        if (!s.disputes[entryHash].open) return;
        IArbiter.Ruling ruling = arbiter.ruling(address(this), entryHash);
        if (ruling != IArbiter.Ruling.Pending) revert IAssay.RulingDue(entryHash);
        arbiter.extend(entryHash, job.terms.responsePeriod);
    }

    function resolve(State storage s, IArbiter arbiter, bytes32 entryHash) external {
        Dispute storage d = s.disputes[entryHash];
        if (!d.open) revert IAssay.NoDispute(entryHash);
        IArbiter.Ruling ruling = arbiter.ruling(address(this), entryHash);
        if (ruling == IArbiter.Ruling.Pending) revert IAssay.RulingPending(entryHash);
        Job storage job = s.jobs[d.jobId];
        Window storage window = job.windows[d.window];
        bool live = window.status == IAssay.WindowStatus.Committed && window.epoch == d.epoch;
        d.open = false;
        d.ruling = ruling;
        job.openDisputes--;
        job.seats[d.solver].accused--;
        if (live) window.openDisputes--;
        emit IAssay.DisputeResolved(d.jobId, entryHash, d.solver, ruling);
        if (ruling == IArbiter.Ruling.Refuted) refute(s, job, window, d, live);
        else if (ruling == IArbiter.Ruling.Contested) redo(s, job, window, d, live);
        else uphold(s, job, window, d, live);
    }

    /// @dev The claim's stake and those of its acceptors are lost: half burned, the rest repays the honest work that is
    /// voided and then those who refuted. Every window that is not final is void, unless an earlier fault has voided this
    /// claim and removed its solver: what was trained since does not build on it.
    function refute(State storage s, Job storage job, Window storage window, Dispute storage d, bool live) private {
        bool spent = !live && job.seats[d.solver].left;
        Vault.Place memory place = Vault.Place(d.jobId, d.window, d.index);
        EntryState storage entry = window.state[entryKey(d.epoch, d.index)];
        job.release(place, d.solver, job.terms.claimStake);
        uint256 lost = job.slash(place, d.solver, job.terms.claimStake);
        if (entry.accepted) {
            job.release(place, entry.verifier, job.terms.verdictStake);
            lost += job.slash(place, entry.verifier, job.terms.verdictStake);
        }
        Vault.burn(place, lost - lost / 2);
        uint256 rest = spent ? lost / 2 : Plan.voidWindows(s, d.jobId, job.finalWindows, lost / 2, d.solver);
        uint256 share = rest / d.accusers.length;
        for (uint256 i = 0; i < d.accusers.length; i++) {
            s.credit(place, d.accusers[i].account, share, IAssay.Reason.Bounty);
        }
        Vault.burn(place, rest - share * d.accusers.length);
        returnBonds(s, job, window, d);
        if (!spent && job.phase == IAssay.Phase.Active) Plan.replan(s, d.jobId, job.finalWindows, d.solver);
    }

    /// @dev Undecided: nobody loses a stake; the windows from this one on are redone by others.
    function redo(State storage s, Job storage job, Window storage window, Dispute storage d, bool live) private {
        releaseClaim(job, window, d, live);
        returnBonds(s, job, window, d);
        if (job.phase != IAssay.Phase.Active) return;
        uint32 from = live ? d.window : job.nextWindow;
        if (live) Plan.voidWindows(s, d.jobId, from, 0, address(0));
        if (live || !job.seats[d.solver].left) Plan.replan(s, d.jobId, from, d.solver);
    }

    /// @dev The claim stands: bonds and rejecting verdicts are lost, half burned, half to the solver they troubled. A drawn
    /// entry whose verdict was this accusation counts as accepted, by nobody.
    function uphold(State storage s, Job storage job, Window storage window, Dispute storage d, bool live) private {
        Vault.Place memory place = Vault.Place(d.jobId, d.window, d.index);
        uint256 lost;
        for (uint256 i = 0; i < d.accusers.length; i++) {
            if (!d.accusers[i].bonded) continue;
            lost += job.terms.challengeBond;
            Vault.log(place, d.accusers[i].account, -int256(uint256(job.terms.challengeBond)), IAssay.Reason.Slash);
        }
        for (uint16 i = 0; d.rejections >> i != 0; i++) {
            if (d.rejections >> i & 1 == 0) continue;
            address verifier = window.state[entryKey(d.epoch, i)].verifier;
            job.release(place, verifier, job.terms.verdictStake);
            lost += job.slash(place, verifier, job.terms.verdictStake);
        }
        Vault.burn(place, lost - lost / 2);
        s.credit(place, d.solver, lost / 2, IAssay.Reason.Compensation);
        releaseClaim(job, window, d, live);
        if (!live) return;
        window.committed &= ~d.rejections;
        window.rejected &= ~d.rejections;
        window.accepted |= d.rejections;
        Windows.markVerified(job, window, d.jobId, d.window);
    }

    /// @dev Ends what the dispute held beyond the life of its window; in a live window the claim simply goes on.
    function releaseClaim(Job storage job, Window storage window, Dispute storage d, bool live) private {
        EntryState storage entry = window.state[entryKey(d.epoch, d.index)];
        entry.disputed = false;
        if (live) return;
        Vault.Place memory place = Vault.Place(d.jobId, d.window, d.index);
        job.release(place, d.solver, job.terms.claimStake);
        if (entry.accepted) job.release(place, entry.verifier, job.terms.verdictStake);
    }

    function returnBonds(State storage s, Job storage job, Window storage window, Dispute storage d) private {
        Vault.Place memory place = Vault.Place(d.jobId, d.window, d.index);
        for (uint256 i = 0; i < d.accusers.length; i++) {
            if (!d.accusers[i].bonded) continue;
            s.credit(place, d.accusers[i].account, job.terms.challengeBond, IAssay.Reason.BondReturn);
        }
        for (uint16 i = 0; d.rejections >> i != 0; i++) {
            if (d.rejections >> i & 1 == 0) continue;
            job.release(place, window.state[entryKey(d.epoch, i)].verifier, job.terms.verdictStake);
        }
    }

    function equivocation(
        State storage s,
        IAssay.Entry calldata a,
        bytes calldata sigA,
        IAssay.Entry calldata b,
        bytes calldata sigB
    ) external {
        Job storage job = s.jobs[a.jobId];
        if (job.phase != IAssay.Phase.Active) revert IAssay.WrongPhase(job.phase);
        (bytes32 digestA, bytes32 digestB) = (Hashes.entry(a), Hashes.entry(b));
        IAssay.Seat storage seat = job.seats[a.solver];
        if (!contradict(job, a, b) || digestA == digestB || seat.equivocated) revert IAssay.NotEquivocation();
        if (Hashes.signer(digestA, sigA) != a.solver) revert IAssay.BadSignature(0);
        if (Hashes.signer(digestB, sigB) != a.solver) revert IAssay.BadSignature(1);
        seat.equivocated = true;
        emit IAssay.Equivocated(a.jobId, a.solver, msg.sender, digestA, digestB);

        Vault.Place memory place = Vault.Place(a.jobId, a.window, a.replica);
        uint256 lost = job.slash(place, a.solver, job.terms.claimStake);
        // A seat that was given back answers for nothing any more, so it must not void the work of others either.
        if (lost < job.terms.claimStake) revert IAssay.NotEquivocation();
        Vault.burn(place, lost - lost / 2);
        uint256 rest = Plan.voidWindows(s, a.jobId, job.finalWindows, lost / 2, a.solver);
        s.credit(place, msg.sender, rest, IAssay.Reason.Bounty);
        Plan.replan(s, a.jobId, job.finalWindows, a.solver);
    }

    /// @dev One replica of one epoch, the cell that was assigned to it, overlapping steps.
    function contradict(Job storage job, IAssay.Entry calldata a, IAssay.Entry calldata b)
        private
        view
        returns (bool)
    {
        if (a.jobId != b.jobId || a.epoch != b.epoch || a.replica != b.replica || a.solver != b.solver) return false;
        address[] storage cells = job.cells[a.epoch];
        if (a.replica >= cells.length || cells[a.replica] != a.solver) return false;
        return a.stepFrom < b.stepTo && b.stepFrom < a.stepTo;
    }
}
