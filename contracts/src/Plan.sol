// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "./IAssay.sol";
import {EntryState, Job, State, Window, blockNow, entryKey} from "./State.sol";
import {Vault} from "./Vault.sol";

/// @title Plan epochs: voiding windows and choosing the cells that go on
library Plan {
    using Vault for Job;
    using Vault for State;

    /// @dev Voids the windows from `from` to the last committed one and releases what their entries reserve, except what
    /// an open dispute still needs. With a pot, honest work is repaid from it, oldest window first: entries of cells other
    /// than `guilty` that nobody accuses, revealed acceptances, commits.
    /// @return rest What is left of the pot.
    function voidWindows(State storage s, bytes32 jobId, uint32 from, uint256 pot, address guilty)
        external
        returns (uint256 rest)
    {
        Job storage job = s.jobs[jobId];
        rest = pot;
        for (uint32 w = from; w < job.nextWindow; w++) {
            Window storage window = job.windows[w];
            window.status = IAssay.WindowStatus.Void;
            emit IAssay.WindowVoided(jobId, w, window.epoch);
            rest = voidClaims(s, job, window, Vault.Place(jobId, w, 0), rest, guilty);
            rest = voidVerdicts(s, job, window, Vault.Place(jobId, w, 0), rest);
            rest -= repay(s, Vault.Place(jobId, w, type(uint16).max), window.coordinator, job.terms.windowFee, rest);
        }
    }

    function voidClaims(
        State storage s,
        Job storage job,
        Window storage window,
        Vault.Place memory place,
        uint256 pot,
        address guilty
    ) private returns (uint256) {
        address[] storage cells = job.cells[window.epoch];
        uint256 replicas = cells.length;
        uint256 price = entryPay(job, replicas);
        for (uint16 r = 0; r < replicas; r++) {
            uint128 free;
            for (uint256 i = r; i < window.entries; i += replicas) {
                EntryState storage entry = window.state[entryKey(window.epoch, uint16(i))];
                if (!entry.disputed && !entry.forfeited) free++;
            }
            place.index = r;
            address cell = cells[r];
            job.release(place, cell, free * job.terms.claimStake);
            if (cell != guilty && job.seats[cell].accused == 0) pot -= repay(s, place, cell, free * price, pot);
        }
        return pot;
    }

    function voidVerdicts(State storage s, Job storage job, Window storage window, Vault.Place memory place, uint256 pot)
        private
        returns (uint256)
    {
        uint64 held = window.committed;
        uint64 accusing = window.rejected;
        for (uint16 i = 0; held >> i != 0; i++) {
            if (held >> i & 1 == 0 || accusing >> i & 1 == 1) continue;
            EntryState storage entry = window.state[entryKey(window.epoch, i)];
            if (entry.accepted && entry.disputed) continue;
            place.index = i;
            job.release(place, entry.verifier, job.terms.verdictStake);
            if (entry.accepted) pot -= repay(s, place, entry.verifier, job.terms.verdictFee, pot);
        }
        return pot;
    }

    function repay(State storage s, Vault.Place memory place, address account, uint256 due, uint256 pot)
        private
        returns (uint256 paid)
    {
        paid = due < pot ? due : pot;
        s.credit(place, account, paid, IAssay.Reason.Compensation);
    }

    /// @dev What one entry of a window with so many cells is paid.
    function entryPay(Job storage job, uint256 replicas) internal view returns (uint256) {
        return replicas == 0 ? 0 : uint256(job.terms.entryPrice) * job.terms.replicas / replicas;
    }

    /// @dev Starts the next plan epoch at window `from`, without `leaver` (zero: nobody). The first standby takes its
    /// replica; without one the plan shrinks, or grows, to the largest power of two that the solvers allow. Without any
    /// solver the job opens for bids.
    function replan(State storage s, bytes32 jobId, uint32 from, address leaver) external {
        Job storage job = s.jobs[jobId];
        if (leaver != address(0)) remove(job, jobId, leaver);
        job.nextWindow = from;
        job.root = from == 0 ? job.terms.initRoot : job.windows[from - 1].rootAfter;
        start(job, jobId);
        if (job.replicas == 0) {
            job.bidsClose = blockNow() + job.terms.bidPeriod;
            emit IAssay.BiddingOpened(jobId, job.bidsClose);
        }
    }

    /// @dev Starts an epoch with the first solvers of the job's list at its next window.
    function start(Job storage job, bytes32 jobId) internal {
        uint256 count = job.solvers.length;
        uint16 replicas = job.terms.replicas;
        while (replicas > count) replicas /= 2;
        uint32 epoch = ++job.epoch;
        address[] memory cells = new address[](replicas);
        for (uint256 r = 0; r < replicas; r++) {
            cells[r] = job.solvers[r];
        }
        job.cells[epoch] = cells;
        job.replicas = replicas;
        job.epochWindow = job.nextWindow;
        job.summonedUntil = 0;
        job.clock = blockNow();
        emit IAssay.Assigned(jobId, epoch, cells, job.nextWindow, job.root);
    }

    function remove(Job storage job, bytes32 jobId, address solver) private {
        IAssay.Seat storage seat = job.seats[solver];
        if (seat.left) return;
        seat.left = true;
        emit IAssay.SolverLeft(jobId, solver);
        address[] storage list = job.solvers;
        uint256 i = 0;
        while (list[i] != solver) i++;
        uint256 replicas = job.replicas;
        if (i < replicas && list.length > replicas) {
            list[i] = list[replicas];
            i = replicas;
        }
        for (; i + 1 < list.length; i++) {
            list[i] = list[i + 1];
        }
        list.pop();
        if (job.lease == solver) {
            job.lease = job.coordinators[0];
            emit IAssay.LeaseTaken(jobId, job.lease);
        }
    }
}
