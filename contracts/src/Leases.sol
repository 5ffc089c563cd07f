// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "./IAssay.sol";
import {Plan} from "./Plan.sol";
import {Job, State, Summons, blockNow} from "./State.sol";
import {Windows} from "./Windows.sol";

/// @title Who may commit, and what happens to those who stall: lease, summons, replacement
/// @dev The clock restarts with every progress. A window is overdue commitPeriod later: then the lease holder may summon
/// cells. The lease lapses responsePeriod after that, unless a summons is open. A cell that answered a summons may take
/// the lease at once, so a coordinator cannot blame cells for commits that it withholds itself.
library Leases {
    uint8 private constant MAX_STRIKES = 2;

    function claimLease(State storage s, bytes32 jobId) external {
        Job storage job = activeJob(s, jobId);
        IAssay.Seat storage seat = job.seats[msg.sender];
        (bool isCell, uint16 replica) = cellOf(job, msg.sender);
        bool candidate = isCell || seat.role == IAssay.Role.Coordinator;
        if (!candidate || msg.sender == job.lease) revert IAssay.NotAuthorized(msg.sender);
        if (blockNow() <= job.summonedUntil) revert IAssay.TooEarly(job.summonedUntil + 1);
        uint48 lapse = job.clock + job.terms.commitPeriod + job.terms.responsePeriod;
        bool answered = isCell && fresh(job, job.summons[replica]) && job.summons[replica].strikes > 0;
        if (!answered && blockNow() <= lapse) revert IAssay.TooEarly(lapse + 1);
        job.lease = msg.sender;
        job.clock = blockNow();
        emit IAssay.LeaseTaken(jobId, msg.sender);
    }

    function summon(State storage s, bytes32 jobId, uint16 replica) external {
        Job storage job = activeJob(s, jobId);
        if (msg.sender != job.lease) revert IAssay.NotAuthorized(job.lease);
        if (replica >= job.replicas) revert IAssay.OutOfRange(replica);
        uint48 due = job.clock + job.terms.commitPeriod;
        if (blockNow() <= due) revert IAssay.TooEarly(due + 1);
        Summons storage call = job.summons[replica];
        if (!fresh(job, call)) {
            call.epoch = job.epoch;
            call.window = job.nextWindow;
            call.strikes = 0;
        } else if (call.open) {
            revert IAssay.TooEarly(call.until + 1);
        }
        call.open = true;
        call.until = blockNow() + job.terms.responsePeriod;
        job.summonedUntil = call.until;
        emit IAssay.Summoned(jobId, job.epoch, replica, job.cells[job.epoch][replica], job.nextWindow, call.until);
    }

    function present(State storage s, bytes32 jobId, uint16 replica) external {
        Job storage job = activeJob(s, jobId);
        if (replica >= job.replicas) revert IAssay.OutOfRange(replica);
        address cell = job.cells[job.epoch][replica];
        if (msg.sender != cell) revert IAssay.NotAuthorized(cell);
        Summons storage call = job.summons[replica];
        if (!fresh(job, call) || !call.open) revert IAssay.NotSummoned(replica);
        if (blockNow() > call.until) revert IAssay.TooLate(call.until);
        call.open = false;
        call.strikes++;
        job.summonedUntil = 0;
        job.clock = blockNow();
        emit IAssay.Presented(jobId, job.epoch, replica, cell, call.strikes);
    }

    function replace(State storage s, bytes32 jobId, uint16 replica) external {
        Job storage job = activeJob(s, jobId);
        if (replica >= job.replicas) revert IAssay.OutOfRange(replica);
        Summons storage call = job.summons[replica];
        if (!fresh(job, call)) revert IAssay.NotSummoned(replica);
        if (call.open) {
            if (blockNow() <= call.until) revert IAssay.TooEarly(call.until + 1);
        } else {
            uint48 due = job.clock + job.terms.commitPeriod;
            if (call.strikes < MAX_STRIKES) revert IAssay.NotSummoned(replica);
            if (msg.sender != job.lease) revert IAssay.NotAuthorized(job.lease);
            if (blockNow() <= due) revert IAssay.TooEarly(due + 1);
        }
        Plan.replan(s, jobId, job.nextWindow, job.cells[job.epoch][replica]);
    }

    /// @dev A job whose next window could be committed now.
    function activeJob(State storage s, bytes32 jobId) private view returns (Job storage job) {
        job = s.jobs[jobId];
        if (job.phase != IAssay.Phase.Active) revert IAssay.WrongPhase(job.phase);
        if (!Windows.committable(job)) revert IAssay.WindowNotOpen(job.nextWindow);
    }

    function cellOf(Job storage job, address account) private view returns (bool found, uint16 replica) {
        address[] storage cells = job.cells[job.epoch];
        for (; replica < cells.length; replica++) {
            if (cells[replica] == account) return (true, replica);
        }
    }

    /// @dev Summonses count for one window of one epoch; a commit makes them stale.
    function fresh(Job storage job, Summons storage call) private view returns (bool) {
        return call.epoch == job.epoch && call.window == job.nextWindow;
    }
}
