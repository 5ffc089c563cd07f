// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "./IArbiter.sol";
import {IAssay} from "./IAssay.sol";
import {Accuser, Dispute, EntryState, Job, MAX_CHALLENGERS, NO_INDEX, State, Window, entryKey} from "./State.sol";

/// @title Accusations: who accuses which entry, and those that are passed on from one entry of a slot to another
library Accusations {
    /// @dev Opens the dispute over an entry of a committed window, or joins it. `verdict` is the entry whose rejection is
    /// the accusation; NO_INDEX for a bonded challenge.
    function accuse(State storage s, IArbiter arbiter, bytes32 jobId, uint32 w, uint16 index, uint16 verdict) internal {
        bytes32 entryHash = opened(s, jobId, w, index);
        join(arbiter, s.disputes[entryHash], entryHash, verdict);
        announce(s, arbiter, entryHash, msg.sender);
    }

    /// @return entryHash That of the entry, which has an open dispute now.
    function opened(State storage s, bytes32 jobId, uint32 w, uint16 index) private returns (bytes32 entryHash) {
        Job storage job = s.jobs[jobId];
        Window storage window = job.windows[w];
        EntryState storage entry = window.state[entryKey(window.epoch, index)];
        entryHash = entry.entryHash;
        Dispute storage d = s.disputes[entryHash];
        if (d.jobId == 0) (d.jobId, d.epoch, d.window, d.index) = (jobId, window.epoch, w, index);
        if (!d.open) start(job, window, entry, d);
    }

    /// @dev Also of a claim that was upheld against others, who have been settled with.
    function start(Job storage job, Window storage window, EntryState storage entry, Dispute storage d) private {
        address[] storage cells = job.cells[d.epoch];
        d.solver = cells[d.index % cells.length];
        d.open = true;
        d.ruling = IArbiter.Ruling.Pending;
        d.rejections = 0;
        delete d.accusers;
        entry.disputed = true;
        window.openDisputes++;
        job.openDisputes++;
        job.seats[d.solver].accused++;
    }

    function join(IArbiter arbiter, Dispute storage d, bytes32 entryHash, uint16 verdict) private {
        bool bonded = verdict == NO_INDEX;
        bool known = accuses(d, msg.sender);
        if (bonded) {
            // A solver that played itself would have lost on either side.
            bool out = known || msg.sender == d.solver || arbiter.lost(address(this), entryHash, msg.sender);
            if (out || d.accusers.length >= MAX_CHALLENGERS) revert IAssay.CannotAccuse(entryHash, msg.sender);
            if (refuted(arbiter, entryHash)) revert IAssay.RulingDue(entryHash);
        }
        if (!known) d.accusers.push(Accuser(msg.sender, bonded, false));
        if (!bonded) d.rejections |= uint64(1) << verdict;
    }

    function announce(State storage s, IArbiter arbiter, bytes32 entryHash, address accuser) private {
        Dispute storage d = s.disputes[entryHash];
        arbiter.open(accusationOf(s.jobs[d.jobId], entryHash, d), accuser);
        emit IAssay.Challenged(d.jobId, entryHash, accuser, d.solver, d.window, d.epoch, d.index);
    }

    function accusationOf(Job storage job, bytes32 entryHash, Dispute storage d)
        private
        view
        returns (IArbiter.Accusation memory a)
    {
        EntryState storage entry = job.windows[d.window].state[entryKey(d.epoch, d.index)];
        (a.entryHash, a.jobId, a.factsHash) = (entryHash, d.jobId, job.terms.factsHash);
        (a.solver, a.responsePeriod) = (d.solver, job.terms.responsePeriod);
        a.replicas = uint16(job.cells[d.epoch].length);
        if (!entry.accepted) return a;
        a.acceptors = new address[](1);
        a.acceptors[0] = entry.verifier;
    }

    function accuses(Dispute storage d, address account) private view returns (bool) {
        for (uint256 i = 0; i < d.accusers.length; i++) {
            if (d.accusers[i].account == account) return true;
        }
        return false;
    }

    function refuted(IArbiter arbiter, bytes32 entryHash) private view returns (bool) {
        return arbiter.ruling(address(this), entryHash) == IArbiter.Ruling.Refuted;
    }

    /// @dev Whoever accepts a claim that was accused answers for it from now on, and has a whole response period to take a seat of
    /// its own. A claim that is refuted has to be resolved first, which voids it.
    function answerFor(State storage s, IArbiter arbiter, bytes32 entryHash) internal {
        if (s.disputes[entryHash].jobId == 0) return;
        if (refuted(arbiter, entryHash)) revert IAssay.RulingDue(entryHash);
        arbiter.extend(entryHash, msg.sender);
    }

    // ------------------------------------------------------------- outcomes

    /// @dev What becomes of each accuser of a claim that is ruled on.
    function outcomes(State storage s, IArbiter arbiter, bytes32 entryHash, Dispute storage d, bool live)
        internal
        view
        returns (IAssay.Accuser[] memory list)
    {
        list = new IAssay.Accuser[](d.accusers.length);
        for (uint256 i = 0; i < list.length; i++) {
            Accuser memory accuser = d.accusers[i];
            IAssay.Accuser memory a = list[i];
            (a.account, a.bonded) = (accuser.account, accuser.bonded);
            a.lost = arbiter.lost(address(this), entryHash, a.account);
            a.gas = arbiter.meteredGas(address(this), entryHash, a.account);
            if (!a.lost) continue;
            (bool passed, uint16 replica) = arbiter.passedTo(address(this), entryHash, a.account);
            if (!passed) continue;
            // What it was right or wrong about is void.
            if (!live || d.ruling == IArbiter.Ruling.Refuted) a.passage = IAssay.Passage.Returned;
            else if (!accuser.handed) setPassage(s, arbiter, d, list, i, replica);
        }
    }

    /// @dev Who could have known forfeits: the accused of the next game, or who has lost that. Where it cannot take part, or
    /// somebody else has won the game for it, what it has staked is returned.
    function setPassage(
        State storage s,
        IArbiter arbiter,
        Dispute storage d,
        IAssay.Accuser[] memory list,
        uint256 i,
        uint16 replica
    ) private view {
        IAssay.Accuser memory a = list[i];
        Job storage job = s.jobs[d.jobId];
        address[] storage cells = job.cells[d.epoch];
        a.next = uint16(d.index - d.index % cells.length + replica);
        bytes32 entryHash = job.windows[d.window].state[entryKey(d.epoch, a.next)].entryHash;
        if (cells[replica] == a.account || arbiter.lost(address(this), entryHash, a.account)) return;
        Dispute storage next = s.disputes[entryHash];
        uint256 taken = next.open ? next.accusers.length : 0;
        for (uint256 j = 0; j < i; j++) {
            if (list[j].passage == IAssay.Passage.Onward && list[j].next == a.next) taken++;
        }
        bool full = a.bonded && taken >= MAX_CHALLENGERS;
        bool out = full || (next.open && accuses(next, a.account)) || refuted(arbiter, entryHash);
        a.passage = out ? IAssay.Passage.Returned : IAssay.Passage.Onward;
    }

    /// @return Whether an accuser has lost what it has staked.
    function pays(IAssay.Accuser memory accuser) internal pure returns (bool) {
        return accuser.lost && accuser.passage == IAssay.Passage.None;
    }

    /// @dev Accusers that were passed on accuse their next entries, as if they had done so now, but once only.
    function handOn(State storage s, IArbiter arbiter, Dispute storage d, IAssay.Accuser[] memory accusers) internal {
        for (uint256 i = 0; i < accusers.length; i++) {
            IAssay.Accuser memory a = accusers[i];
            if (a.passage != IAssay.Passage.Onward) continue;
            bytes32 entryHash = opened(s, d.jobId, d.window, a.next);
            s.disputes[entryHash].accusers.push(Accuser(a.account, a.bonded, true));
            announce(s, arbiter, entryHash, a.account);
        }
    }
}
