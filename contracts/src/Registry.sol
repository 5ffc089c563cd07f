// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Draws} from "./Draws.sol";
import {Hashes} from "./Hashes.sol";
import {IAssay} from "./IAssay.sol";
import {IRandomness} from "./IRandomness.sol";
import {Plan} from "./Plan.sol";
import {Job, MAX_COORDINATORS, MAX_POOL, MAX_SOLVERS, State, blockNow} from "./State.sol";
import {Terms} from "./Terms.sol";
import {Vault} from "./Vault.sol";
import {Windows} from "./Windows.sol";

/// @title Jobs and seats: registration, bids, the draw of the cells, the ways a job ends without settling
library Registry {
    using Terms for IAssay.JobTerms;
    using Vault for State;

    function register(State storage s, IAssay.JobTerms calldata terms, uint64 nonce, uint256 value)
        external
        returns (bytes32 jobId)
    {
        terms.check();
        uint256 required = terms.leastEscrow();
        if (value < required) revert IAssay.InsufficientEscrow(required, value);
        jobId = Hashes.job(terms.specHash, msg.sender, nonce);
        Job storage job = s.jobs[jobId];
        if (job.phase != IAssay.Phase.None) revert IAssay.JobExists(jobId);
        job.terms = terms;
        job.phase = IAssay.Phase.Bidding;
        job.submitter = msg.sender;
        job.registeredAt = blockNow();
        job.bidsClose = blockNow() + terms.bidPeriod;
        job.deadline = blockNow() + terms.jobPeriod;
        job.totalSlots = uint32(terms.slots());
        job.totalWindows = uint32(terms.windows());
        job.root = terms.initRoot;
        job.finalRoot = terms.initRoot;
        job.escrow = value;
        emit IAssay.JobRegistered(jobId, msg.sender, nonce, value, terms);
        Vault.log(Vault.wholeJob(jobId), msg.sender, -int256(value), IAssay.Reason.Escrow);
        emit IAssay.BiddingOpened(jobId, job.bidsClose);
    }

    function quote(IAssay.JobTerms calldata terms) external pure returns (uint256, uint256, uint256, uint256) {
        terms.check();
        return (terms.escrow(), terms.solverStake(), terms.verifierStake(), terms.coordinatorBond);
    }

    function bid(State storage s, bytes32 jobId, IAssay.Role role, uint128 stake) external {
        Job storage job = s.jobs[jobId];
        if (!takesBids(job, role)) revert IAssay.BidsClosed(role);
        if (job.seats[msg.sender].role != IAssay.Role.None) revert IAssay.AlreadySeated(msg.sender);
        uint256 required = leastStake(job.terms, role);
        if (stake < required || stake > type(uint96).max) revert IAssay.InvalidStake(required, stake);
        s.debit(Vault.wholeJob(jobId), msg.sender, stake, IAssay.Reason.Stake);
        job.seats[msg.sender].role = role;
        job.seats[msg.sender].stake = stake;
        enlist(job, role, stake);
        emit IAssay.Bid(jobId, msg.sender, role, stake);
    }

    /// @dev Before the first assignment every role bids. Later only solvers do: as standby while there are cells, in a
    /// bidding period of their own while there are none. Bids never enter a draw whose seed may be known.
    function takesBids(Job storage job, IAssay.Role role) private view returns (bool) {
        if (role == IAssay.Role.None) return false;
        if (job.phase == IAssay.Phase.Bidding) return blockNow() <= job.bidsClose;
        if (job.phase != IAssay.Phase.Active || role != IAssay.Role.Solver) return false;
        return job.replicas > 0 || blockNow() <= job.bidsClose;
    }

    function leastStake(IAssay.JobTerms memory t, IAssay.Role role) private pure returns (uint256) {
        if (role == IAssay.Role.Coordinator) return t.coordinatorBond;
        return role == IAssay.Role.Solver ? t.solverStake() : t.verifierStake();
    }

    function enlist(Job storage job, IAssay.Role role, uint128 stake) private {
        if (role == IAssay.Role.Solver) {
            if (job.solvers.length == MAX_SOLVERS) revert IAssay.RoleFull(role);
            job.solvers.push(msg.sender);
        } else if (role == IAssay.Role.Verifier) {
            if (job.pool.length == MAX_POOL) revert IAssay.RoleFull(role);
            job.pool.push(IAssay.Member(msg.sender, uint96(stake)));
        } else {
            if (job.coordinators.length == MAX_COORDINATORS) revert IAssay.RoleFull(role);
            job.coordinators.push(msg.sender);
        }
    }

    function assign(State storage s, bytes32 jobId, IRandomness randomness) external {
        Job storage job = s.jobs[jobId];
        bool first = job.phase == IAssay.Phase.Bidding;
        if (!first && (job.phase != IAssay.Phase.Active || job.replicas > 0)) revert IAssay.WrongPhase(job.phase);
        if (blockNow() <= job.bidsClose) revert IAssay.TooEarly(job.bidsClose + 1);
        if (job.solvers.length == 0 || job.pool.length == 0 || job.coordinators.length == 0) {
            if (blockNow() > job.deadline) revert IAssay.TooLate(job.deadline);
            job.bidsClose = blockNow() + job.terms.bidPeriod;
            emit IAssay.BiddingOpened(jobId, job.bidsClose);
            return;
        }
        bytes32 value = randomness.record(randomness.roundAfter(job.bidsClose));
        bytes32 seed = Hashes.assignmentSeed(jobId, job.epoch + 1, value);
        job.solvers = Draws.shuffle("assay/cell/1", seed, weighted(job, job.solvers));
        if (first) {
            job.coordinators = Draws.shuffle("assay/coordinator/1", seed, weighted(job, job.coordinators));
            job.phase = IAssay.Phase.Active;
            job.lease = job.coordinators[0];
            emit IAssay.PoolFixed(jobId, seed, job.pool, job.coordinators);
            emit IAssay.LeaseTaken(jobId, job.lease);
        }
        Plan.start(job, jobId);
    }

    function weighted(Job storage job, address[] memory list) private view returns (IAssay.Member[] memory members) {
        members = new IAssay.Member[](list.length);
        for (uint256 i = 0; i < list.length; i++) {
            members[i] = IAssay.Member(list[i], uint96(job.seats[list[i]].stake));
        }
    }

    function cancel(State storage s, bytes32 jobId) external {
        Job storage job = s.jobs[jobId];
        if (!running(job)) revert IAssay.WrongPhase(job.phase);
        if (job.submitter != msg.sender) revert IAssay.NotAuthorized(job.submitter);
        if (job.phase == IAssay.Phase.Active && !shorten(job, jobId)) return;
        if (job.finalWindows > 0) return Windows.close(s, job, jobId);
        job.phase = IAssay.Phase.Cancelled;
        emit IAssay.JobCancelled(jobId);
        refund(s, job, jobId);
    }

    /// @dev No window beyond those that were ever committed and the one under way: whoever works is paid for it. Windows
    /// that a dispute voided are redone and paid once all the same, so a submitter gains nothing by disputing first.
    /// @return over Whether all of them are final.
    function shorten(Job storage job, bytes32 jobId) private returns (bool over) {
        uint32 last = job.peak;
        if (last == job.nextWindow && Windows.underWay(job)) last++;
        if (last >= job.totalWindows) revert IAssay.NothingToCancel(jobId);
        job.totalWindows = last;
        emit IAssay.JobShortened(jobId, last);
        return job.finalWindows == last;
    }

    function topUp(State storage s, bytes32 jobId, uint256 value, uint32 blocks) external {
        Job storage job = s.jobs[jobId];
        if (!running(job)) revert IAssay.WrongPhase(job.phase);
        if (blockNow() > job.deadline) revert IAssay.TooLate(job.deadline);
        if (blocks > 0) extend(job, blocks);
        bool paused = !Windows.underWay(job);
        job.escrow += value;
        // What waited for money is not overdue on the spot; otherwise a payment must not move the clock.
        if (paused && Windows.underWay(job)) job.clock = blockNow();
        emit IAssay.JobToppedUp(jobId, msg.sender, value, job.deadline);
        if (value > 0) Vault.log(Vault.wholeJob(jobId), msg.sender, -int256(value), IAssay.Reason.Escrow);
    }

    /// @dev Whoever bids knows for how long a seat may be locked: twice the period of the terms.
    function extend(Job storage job, uint32 blocks) private {
        if (job.submitter != msg.sender) revert IAssay.NotAuthorized(job.submitter);
        uint48 latest = job.registeredAt + 2 * uint48(job.terms.jobPeriod);
        if (job.deadline + blocks > latest) revert IAssay.TooLate(latest);
        job.deadline += blocks;
    }

    function running(Job storage job) private view returns (bool) {
        return job.phase == IAssay.Phase.Bidding || job.phase == IAssay.Phase.Active;
    }

    function expire(State storage s, bytes32 jobId) external {
        Job storage job = s.jobs[jobId];
        if (!running(job)) revert IAssay.WrongPhase(job.phase);
        if (blockNow() <= job.deadline) revert IAssay.TooEarly(job.deadline + 1);
        if (job.openDisputes > 0) revert IAssay.DisputeOpen(job.openDisputes);
        uint32 next = job.finalWindows;
        bool verified = next < job.nextWindow && job.windows[next].challengesUntil > 0;
        if (verified) revert IAssay.SettlementDue(next);
        Plan.voidWindows(s, jobId, job.finalWindows, 0, address(0));
        job.phase = IAssay.Phase.Expired;
        job.nextWindow = job.finalWindows;
        job.root = job.finalRoot;
        emit IAssay.JobExpired(jobId, job.finalWindows);
        refund(s, job, jobId);
    }

    function refund(State storage s, Job storage job, bytes32 jobId) private {
        uint256 unused = job.escrow;
        job.escrow = 0;
        s.credit(Vault.wholeJob(jobId), job.submitter, unused, IAssay.Reason.Refund);
    }

    function unbond(State storage s, bytes32 jobId, address account) external {
        Job storage job = s.jobs[jobId];
        IAssay.Seat storage seat = job.seats[account];
        bool ended = job.phase > IAssay.Phase.Active;
        if (!(ended || seat.left) || seat.reserved > 0 || seat.stake == 0) revert IAssay.NotUnbondable(account);
        uint256 stake = seat.stake;
        seat.stake = 0;
        s.credit(Vault.wholeJob(jobId), account, stake, IAssay.Reason.Unstake);
        emit IAssay.Unbonded(jobId, account);
    }
}
