// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Accusations} from "./Accusations.sol";
import {Hashes} from "./Hashes.sol";
import {IArbiter} from "./IArbiter.sol";
import {IAssay} from "./IAssay.sol";
import {Plan} from "./Plan.sol";
import {
    Dispute,
    EntryState,
    GAME_GAS,
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
        // A verified window may become final after the deadline, so it can be challenged until then.
        if (window.challengesUntil == 0 && blockNow() > job.deadline) revert IAssay.TooLate(job.deadline);
        s.debit(Vault.Place(jobId, w, index), msg.sender, job.terms.challengeBond, IAssay.Reason.Bond);
        Accusations.accuse(s, arbiter, jobId, w, index, NO_INDEX);
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
        bool deserted = arbiter.lost(address(this), entryHash, d.solver);
        IAssay.Accuser[] memory accusers = Accusations.outcomes(s, arbiter, entryHash, d, live);
        emit IAssay.DisputeResolved(d.jobId, entryHash, d.solver, ruling, deserted, accusers);
        if (ruling == IArbiter.Ruling.Refuted) {
            refute(s, job, window, d, accusers, live);
        } else {
            Accusations.handOn(s, arbiter, d, accusers);
            uphold(s, job, window, d, accusers, live, deserted);
        }
    }

    /// @dev The claim's stake, that of its acceptor and those of accusers that lost are lost: half burned, the rest repays the
    /// metered gas of those who refuted, then the honest work that is voided, and is then shared by those who refuted. Every window
    /// that is not final is void, unless an earlier fault has voided this claim and removed its solver: what was trained since
    /// does not build on it.
    function refute(
        State storage s,
        Job storage job,
        Window storage window,
        Dispute storage d,
        IAssay.Accuser[] memory accusers,
        bool live
    ) private {
        bool spent = !live && job.seats[d.solver].left;
        Vault.Place memory place = Vault.Place(d.jobId, d.window, d.index);
        EntryState storage entry = window.state[entryKey(d.epoch, d.index)];
        uint256 lost = forfeit(job, place, d.solver, entry);
        if (entry.accepted) {
            job.release(place, entry.verifier, job.terms.verdictStake);
            lost += job.slash(place, entry.verifier, job.terms.verdictStake);
        }
        lost += settleAccusers(s, job, place, accusers);
        (uint256 verdicts,) = settleRejections(s, job, window, d, place, accusers);
        lost += verdicts;
        Vault.burn(place, lost - lost / 2);
        uint256 rest = repayGas(s, job.terms.gasPrice, place, accusers, lost / 2);
        if (!spent) rest = Plan.voidWindows(s, d.jobId, job.finalWindows, rest, d.solver);
        rest = shareOut(s, place, accusers, rest);
        Vault.burn(place, rest);
        if (!spent && job.phase == IAssay.Phase.Active) Plan.replan(s, d.jobId, job.finalWindows, d.solver);
    }

    /// @dev The claim stands against all who have accused it so far: their bonds and the stakes of their rejections are lost, half
    /// burned, half to the seat that stood. Where that is the acceptor's, the solver has lost its own: it is slashed all the same, and
    /// leaves. A drawn entry whose verdict was this accusation counts as accepted, by nobody; unless that accuses another one now.
    function uphold(
        State storage s,
        Job storage job,
        Window storage window,
        Dispute storage d,
        IAssay.Accuser[] memory accusers,
        bool live,
        bool deserted
    ) private {
        Vault.Place memory place = Vault.Place(d.jobId, d.window, d.index);
        EntryState storage entry = window.state[entryKey(d.epoch, d.index)];
        uint256 lost = settleAccusers(s, job, place, accusers);
        (uint256 verdicts, uint64 settled) = settleRejections(s, job, window, d, place, accusers);
        lost += verdicts;
        if (deserted) {
            lost += forfeit(job, place, d.solver, entry);
            entry.forfeited = true;
        }
        Vault.burn(place, lost - lost / 2);
        s.credit(place, deserted ? entry.verifier : d.solver, lost / 2, IAssay.Reason.Compensation);
        releaseClaim(job, place, d.solver, entry, live);
        if (live) {
            window.committed &= ~settled;
            window.rejected &= ~settled;
            window.accepted |= settled;
            Windows.markVerified(job, window, d.jobId, d.window);
            if (accusers.length >= MAX_CHALLENGERS) Windows.reopen(job, window, d.jobId, d.window);
        }
        if (deserted && job.phase == IAssay.Phase.Active && !job.seats[d.solver].left) {
            Plan.replan(s, d.jobId, job.nextWindow, d.solver);
        }
    }

    /// @return lost What is taken of the stake that the solver has reserved for the claim.
    function forfeit(Job storage job, Vault.Place memory place, address solver, EntryState storage entry)
        private
        returns (uint256 lost)
    {
        if (entry.forfeited) return 0;
        job.release(place, solver, job.terms.claimStake);
        lost = job.slash(place, solver, job.terms.claimStake);
    }

    /// @dev Ends what the dispute held beyond the life of its window; in a live window the claim simply goes on.
    function releaseClaim(
        Job storage job,
        Vault.Place memory place,
        address solver,
        EntryState storage entry,
        bool live
    ) private {
        entry.disputed = false;
        if (live) return;
        if (!entry.forfeited) job.release(place, solver, job.terms.claimStake);
        if (entry.accepted) job.release(place, entry.verifier, job.terms.verdictStake);
    }

    /// @dev Bonds come back to accusers that have not lost, or need not pay for it. Those of accusations that were passed on stay.
    /// @return lost The bonds of the others.
    function settleAccusers(
        State storage s,
        Job storage job,
        Vault.Place memory place,
        IAssay.Accuser[] memory accusers
    ) private returns (uint256 lost) {
        uint128 bond = job.terms.challengeBond;
        for (uint256 i = 0; i < accusers.length; i++) {
            if (!accusers[i].bonded || accusers[i].passage == IAssay.Passage.Onward) continue;
            if (!Accusations.pays(accusers[i])) {
                s.credit(place, accusers[i].account, bond, IAssay.Reason.BondReturn);
                continue;
            }
            lost += bond;
            Vault.log(place, accusers[i].account, -int256(uint256(bond)), IAssay.Reason.Forfeit);
        }
    }

    /// @return lost Verdict stakes of the rejections whose verifiers pay; the others are free again.
    /// @return settled The rejections but for those that accuse another entry from now on.
    function settleRejections(
        State storage s,
        Job storage job,
        Window storage window,
        Dispute storage d,
        Vault.Place memory place,
        IAssay.Accuser[] memory accusers
    ) private returns (uint256 lost, uint64 settled) {
        uint64 rejections = d.rejections;
        for (uint16 i = 0; rejections >> i != 0; i++) {
            if (rejections >> i & 1 == 0) continue;
            address verifier = window.state[entryKey(d.epoch, i)].verifier;
            IAssay.Accuser memory accuser = find(accusers, verifier);
            if (accuser.passage == IAssay.Passage.Onward) {
                bytes32 next = window.state[entryKey(d.epoch, accuser.next)].entryHash;
                s.disputes[next].rejections |= uint64(1) << i;
                continue;
            }
            settled |= uint64(1) << i;
            job.release(place, verifier, job.terms.verdictStake);
            if (Accusations.pays(accuser)) lost += job.slash(place, verifier, job.terms.verdictStake);
        }
    }

    function find(IAssay.Accuser[] memory accusers, address account) private pure returns (IAssay.Accuser memory) {
        uint256 i = 0;
        while (accusers[i].account != account) i++;
        return accusers[i];
    }

    /// @return rest What the pot has left.
    function repayGas(
        State storage s,
        uint128 gasPrice,
        Vault.Place memory place,
        IAssay.Accuser[] memory accusers,
        uint256 pot
    ) private returns (uint256 rest) {
        rest = pot;
        uint256 used;
        for (uint256 i = 0; i < accusers.length; i++) {
            if (!accusers[i].lost) used += accusers[i].gas;
        }
        uint256 due = (used < GAME_GAS ? used : GAME_GAS) * gasPrice;
        if (due > pot) due = pot;
        for (uint256 i = 0; i < accusers.length; i++) {
            if (accusers[i].lost || accusers[i].gas == 0) continue;
            uint256 part = due * accusers[i].gas / used;
            rest -= part;
            s.credit(place, accusers[i].account, part, IAssay.Reason.GasRefund);
        }
    }

    /// @return rest What equal shares for those who refuted leave of the pot.
    function shareOut(State storage s, Vault.Place memory place, IAssay.Accuser[] memory accusers, uint256 pot)
        private
        returns (uint256 rest)
    {
        uint256 winners;
        for (uint256 i = 0; i < accusers.length; i++) {
            if (!accusers[i].lost) winners++;
        }
        rest = pot;
        for (uint256 i = 0; i < accusers.length; i++) {
            if (accusers[i].lost) continue;
            rest -= pot / winners;
            s.credit(place, accusers[i].account, pot / winners, IAssay.Reason.Bounty);
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
    function contradict(Job storage job, IAssay.Entry calldata a, IAssay.Entry calldata b) private view returns (bool) {
        if (a.jobId != b.jobId || a.epoch != b.epoch || a.replica != b.replica || a.solver != b.solver) return false;
        address[] storage cells = job.cells[a.epoch];
        if (a.replica >= cells.length || cells[a.replica] != a.solver) return false;
        return a.stepFrom < b.stepTo && b.stepFrom < a.stepTo;
    }
}
