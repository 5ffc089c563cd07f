// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "./IArbiter.sol";
import {IRandomness} from "./IRandomness.sol";

/// @title Assay: escrow, stakes, commitments, verdicts and settlement of verified training jobs
/// @notice The vocabulary of the contract: terms, entries, events, errors, functions. docs/spec/contract.md explains the
/// life of a job and every deadline. Amounts are wei, periods and deadlines are blocks, hashes are SHA-256.
interface IAssay {
    // ---------------------------------------------------------------- types

    enum Role {
        None,
        Solver,
        Verifier,
        Coordinator
    }

    /// @notice `Bidding` until the first assignment; `Active` while training; the other phases are final.
    enum Phase {
        None,
        Bidding,
        Active,
        Settled,
        Cancelled,
        Expired
    }

    /// @notice A window is `Committed` until it is `Final` or `Void`.
    enum WindowStatus {
        None,
        Committed,
        Final,
        Void
    }

    /// @notice Why an amount moved; the reason of a `Ledger` event. Signs are those of the event's amount.
    enum Reason {
        Deposit, //        + free balance of the account
        Withdrawal, //     - free balance
        Escrow, //         - paid by the submitter into the job
        Refund, //         + unused escrow back to the submitter
        Stake, //          - free balance locked in a seat of the job
        Unstake, //        + seat back to the free balance
        Reserve, //        - seat stake reserved by claims or verdicts of the window
        Release, //        + reserved seat stake unreserved
        Bond, //           - free balance locked in a challenge
        BondReturn, //     + challenge bond back
        Payout, //         + entries of a final window, from the escrow
        VerdictFee, //     + verdict of a final window, from the escrow
        CoordinatorFee, // + commit of a final window, from the escrow
        Slash, //          - seat stake lost
        Forfeit, //        - challenge bond lost
        GasRefund, //      + metered gas of those who refuted the claim, from the slash
        Compensation, //   + honest work voided by another's fault, or a troubled seat that stood, from the slash
        Bounty, //         + share of those who refuted the claim, from the slash
        Burn //            + slashed amount sent to the burn address (the account)
    }

    /// @notice What a submitter fixes when registering a job.
    struct JobTerms {
        bytes32 specHash; //        hash of the job's canonical bytes
        bytes32 programRoot; //     root of the step graph
        bytes32 dataRoot; //        root of the training data
        bytes32 initRoot; //        state root before step 0; zero: claimed by the first entry
        bytes32 factsHash; //       digest of what a dispute needs of the job (docs/spec/pinpoint.md)
        uint32 steps; //            training steps of the job
        uint32 entrySteps; //       steps covered by one entry (k); the last entry may be shorter
        uint16 entriesPerWindow; // step ranges ("slots") in a window (W); W * replicas <= 64
        uint16 replicas; //         largest number of replicas (R), a power of two
        uint8 depth; //             windows that may be committed and not final (D), 1..8
        uint64 sampleRate; //       an entry is drawn iff its 64-bit draw < rate; 2^64-1: always
        uint128 entryPrice; //      per slot and planned replica: a slot pays entryPrice * replicas, shared by its cells
        uint128 verdictFee; //      per accepted verdict
        uint128 windowFee; //       per final window, to the coordinator who committed it
        uint128 claimStake; //      reserved by each entry until its window is final
        uint128 verdictStake; //    reserved by each verdict until its window is final
        uint128 challengeBond; //   locked by each challenge until its dispute is resolved
        uint128 coordinatorBond; // seat of a coordinator
        uint128 gasPrice; //        of a unit of gas: prices stakes and bonds for the longest game, and is what metered gas is repaid at
        uint32 bidPeriod;
        uint32 commitPeriod; //     from the last progress until the next window is overdue
        uint32 verdictPeriod; //    from the seed until verdicts must be committed
        uint32 revealPeriod; //     from that deadline until they must be revealed
        uint32 challengePeriod; //  from the last verdict until the window may settle
        uint32 responsePeriod; //   for the answer to a summons or an accusation
        uint32 jobPeriod; //        from registration until anyone may expire the job
    }

    /// @notice A proof-of-learning entry; its digest is what the solver signs (docs/spec/contract.md).
    struct Entry {
        bytes32 jobId;
        uint32 epoch;
        uint16 replica;
        uint32 window;
        uint32 stepFrom;
        uint32 stepTo;
        bytes32 rootBefore;
        bytes32 rootAfter;
        bytes32 lanesRoot;
        bytes32 metricsRoot;
        address solver;
    }

    /// @notice An account's stake in one job. `stake` includes what is `reserved`.
    struct Seat {
        uint128 stake;
        uint128 reserved;
        Role role;
        bool left; //        no longer takes part (slashed, disputed or replaced)
        bool equivocated; // already slashed for signing two entries for one range
        uint16 accused; //   open disputes over the account's entries
    }

    /// @notice A member of the verifier pool and its weight in the draw.
    struct Member {
        address account;
        uint96 weight;
    }

    struct JobView {
        Phase phase;
        address submitter;
        uint32 epoch; //         current plan epoch; 0 before the first assignment
        uint32 epochWindow; //   first window of the epoch
        uint32 nextWindow; //    the next window to commit
        uint32 finalWindows; //  windows that are final
        uint32 totalWindows; //  as planned, or fewer since the submitter cancelled
        uint16 replicas; //      cells of the current epoch; 0: waiting for solvers
        uint16 openDisputes;
        uint48 registeredAt;
        uint48 bidsClose; //     last block that takes bids
        uint48 deadline; //      from the block after it the job may expire; topUp moves it
        uint48 clock; //         block of the last progress; the next window is overdue commitPeriod later
        uint48 summonedUntil; // an open summons protects the lease until this block
        address lease; //        who may commit windows
        bytes32 root; //         state root after the last committed window
        bytes32 finalRoot; //    state root after the last final window
        uint256 escrow;
    }

    /// @notice Bit i of a mask stands for entry i of the window.
    struct WindowView {
        WindowStatus status;
        uint32 epoch;
        uint16 entries;
        uint8 round; //             round of the verifier draw
        bool seeded;
        uint16 openDisputes;
        uint48 committedAt;
        uint48 seedRound; //        round of the randomness the seed is taken from
        uint48 verdictsUntil; //    last block for verdict commitments of this round
        uint48 revealsUntil; //     last block for reveals of this round
        uint48 challengesUntil; //  last block for challenges; 0 until every drawn entry is accepted
        uint64 sampled;
        uint64 committed;
        uint64 abstained;
        uint64 accepted;
        uint64 rejected;
        address coordinator;
        bytes32 rootBefore;
        bytes32 rootAfter;
        bytes32 seed;
    }

    struct EntryView {
        bytes32 entryHash;
        bytes32 commitment; // of the verdict of the present round
        address verifier; //   who committed it
        bool accepted;
        bool disputed;
    }

    struct DisputeView {
        bytes32 jobId;
        uint32 epoch;
        uint32 window;
        uint16 index;
        address solver;
        IArbiter.Ruling ruling; // Pending while the dispute is open
        address[] accusers;
    }

    /// @notice What becomes of the stakes of an accuser that has lost because what it found wrong is an item of another entry of the
    /// slot: they are `Returned`, or stand for its accusation of that entry, to which it was passed `Onward`. `None` of all others.
    enum Passage {
        None,
        Returned,
        Onward
    }

    /// @notice What became of an accuser: whether it has lost a game of the claim, and the gas that its moves used.
    struct Accuser {
        address account;
        bool bonded; // with a challengeBond; otherwise by a verdict alone
        bool lost;
        Passage passage;
        uint16 next; //  the entry that it was passed on to
        uint256 gas;
    }

    // --------------------------------------------------------------- events

    /// @notice Every movement of value. `window` and `index` name the entry (the first one, where an amount covers all of a
    /// cell's entries); both are the type's maximum where no entry is concerned.
    event Ledger(
        bytes32 indexed jobId, address indexed account, int256 amount, Reason reason, uint32 window, uint16 index
    );
    event JobRegistered(bytes32 indexed jobId, address indexed submitter, uint64 nonce, uint256 escrow, JobTerms terms);
    event JobCancelled(bytes32 indexed jobId);
    /// @notice The submitter ended the job early: it settles after this many windows.
    event JobShortened(bytes32 indexed jobId, uint32 totalWindows);
    /// @notice More escrow (`amount` may be zero), or a later deadline.
    event JobToppedUp(bytes32 indexed jobId, address indexed account, uint256 amount, uint48 deadline);
    event JobExpired(bytes32 indexed jobId, uint32 finalWindows);
    event JobSettled(bytes32 indexed jobId, bytes32 finalRoot);
    event Bid(bytes32 indexed jobId, address indexed account, Role role, uint128 stake);
    /// @notice Bidding starts (again), for lack of a role's bidder or because no solver is left.
    event BiddingOpened(bytes32 indexed jobId, uint48 bidsClose);
    /// @notice The verifier pool in draw order, fixed once.
    event PoolFixed(bytes32 indexed jobId, bytes32 seed, Member[] pool, address[] coordinators);
    /// @notice A plan epoch starts. Replica r is cells[r]; training goes on with `fromWindow` from `fromRoot`
    /// (zero: from the init state).
    event Assigned(bytes32 indexed jobId, uint32 epoch, address[] cells, uint32 fromWindow, bytes32 fromRoot);
    event LeaseTaken(bytes32 indexed jobId, address indexed holder);
    event SolverLeft(bytes32 indexed jobId, address indexed solver);
    event Unbonded(bytes32 indexed jobId, address indexed account);
    event WindowCommitted(
        bytes32 indexed jobId,
        uint32 indexed window,
        uint32 epoch,
        address coordinator,
        uint48 seedRound,
        Entry[] entries,
        bytes[] signatures
    );
    event SeedFixed(bytes32 indexed jobId, uint32 indexed window, uint32 epoch, bytes32 seed, uint64 sampled);
    event VerdictCommitted(
        bytes32 indexed jobId, uint32 indexed window, uint32 epoch, uint16 index, address verifier, bytes32 commitment
    );
    event VerdictAbstained(bytes32 indexed jobId, uint32 indexed window, uint32 epoch, uint16 index, address verifier);
    event VerdictRevealed(
        bytes32 indexed jobId,
        uint32 indexed window,
        uint32 epoch,
        uint16 index,
        address verifier,
        bool accept,
        uint16 against,
        bytes32 digest
    );
    /// @notice Every drawn entry is accepted; challenges are possible until the given block. Once more, when a claim was upheld against as
    /// many accusers as a dispute takes.
    event WindowVerified(bytes32 indexed jobId, uint32 indexed window, uint32 epoch, uint48 challengesUntil);
    /// @notice The entries in `missing` are drawn anew.
    event Redrawn(bytes32 indexed jobId, uint32 indexed window, uint32 epoch, uint8 round, uint64 missing);
    event WindowLapsed(bytes32 indexed jobId, uint32 indexed window, uint32 epoch);
    event WindowVoided(bytes32 indexed jobId, uint32 indexed window, uint32 epoch);
    event WindowFinal(bytes32 indexed jobId, uint32 indexed window, uint32 epoch, bytes32 rootAfter);
    /// @notice Also of accusers that are passed on from another entry, after the `DisputeResolved` that says so.
    event Challenged(
        bytes32 indexed jobId,
        bytes32 indexed entryHash,
        address indexed accuser,
        address solver,
        uint32 window,
        uint32 epoch,
        uint16 index
    );
    /// @notice `deserted`: the solver has lost its own seat, whatever became of the claim.
    event DisputeResolved(
        bytes32 indexed jobId,
        bytes32 indexed entryHash,
        address indexed solver,
        IArbiter.Ruling ruling,
        bool deserted,
        Accuser[] accusers
    );
    event Equivocated(
        bytes32 indexed jobId, address indexed solver, address reporter, bytes32 digestA, bytes32 digestB
    );
    event Summoned(bytes32 indexed jobId, uint32 epoch, uint16 replica, address solver, uint32 window, uint48 until);
    event Presented(bytes32 indexed jobId, uint32 epoch, uint16 replica, address solver, uint8 strikes);

    // --------------------------------------------------------------- errors

    /// @notice Thrown when a term is out of its range; `field` is its name.
    error InvalidTerms(bytes32 field);
    /// @notice Thrown when a job is registered twice with one nonce.
    error JobExists(bytes32 jobId);
    /// @notice Thrown when the job is in a phase in which the call is impossible, or unknown (`None`).
    error WrongPhase(Phase phase);
    /// @notice Thrown when the escrow covers less than the worst case of the windows that may be open.
    error InsufficientEscrow(uint256 required, uint256 given);
    /// @notice Thrown when every window that is left is committed, under way, or redone after a dispute.
    error NothingToCancel(bytes32 jobId);
    /// @notice Thrown when an account's free balance does not cover a withdrawal, a seat or a bond.
    error InsufficientBalance(uint256 required, uint256 available);
    /// @notice Thrown when a bid stakes less than its role needs (or more than 2^96-1).
    error InvalidStake(uint256 required, uint256 given);
    /// @notice Thrown when a seat has too little unreserved stake left for another claim or verdict.
    error InsufficientSeat(address account, uint256 required, uint256 available);
    /// @notice Thrown when ether could not be sent to the withdrawing account.
    error TransferFailed();
    /// @notice Thrown when a bid names no role, or the role takes no bids at this time.
    error BidsClosed(Role role);
    /// @notice Thrown when an account bids twice in a job.
    error AlreadySeated(address account);
    /// @notice Thrown when a role has as many bidders as the contract's loops allow.
    error RoleFull(Role role);
    /// @notice Thrown when a call comes before the block from which it is possible.
    error TooEarly(uint48 from);
    /// @notice Thrown when a call comes after its last block.
    error TooLate(uint48 until);
    /// @notice Thrown when the caller is not the account that the call is reserved for.
    error NotAuthorized(address account);
    /// @notice Thrown when a seat still takes part, has reserved stake, or holds nothing.
    error NotUnbondable(address account);
    /// @notice Thrown when a call names a plan epoch other than the current one (or the window's own).
    error WrongEpoch(uint32 expected);
    /// @notice Thrown when a window is not the next one in order, or not open for the call.
    error WrongWindow(uint32 window);
    /// @notice Thrown when a window is further than `depth` ahead of the last final one.
    error WindowNotOpen(uint32 window);
    /// @notice Thrown when a window does not hold exactly its slots x replicas entries and as many signatures.
    error WrongEntryCount(uint256 expected, uint256 given);
    /// @notice Thrown when a field of an entry differs from what its place demands; `field` is its name.
    error WrongEntry(uint256 index, bytes32 field);
    /// @notice Thrown when an entry's signature is malformed, has a high s, or is not its solver's.
    error BadSignature(uint256 index);
    /// @notice Thrown when no cell, entry or replica has this number.
    error OutOfRange(uint256 index);
    /// @notice Thrown when the window's seed is not fixed yet.
    error NotSeeded(uint32 window);
    /// @notice Thrown when the seed is already fixed.
    error AlreadySeeded(uint32 window);
    /// @notice Thrown when a verdict concerns an entry that was not drawn, or comes from another than the drawn verifier.
    error NotDrawn(uint16 index, address verifier);
    /// @notice Thrown when a verdict was already committed, abstained or revealed in this round.
    error VerdictGiven(uint16 index);
    /// @notice Thrown when there is no commitment to reveal, or the revealed verdict does not match it.
    error WrongCommitment(uint16 index);
    /// @notice Thrown when an acceptance names another entry, or a rejection an entry of another slot.
    error WrongTarget(uint16 against);
    /// @notice Thrown when a window still waits for verdicts.
    error VerdictsPending(uint64 missing);
    /// @notice Thrown when every drawn entry has its verdict.
    error NothingMissing(uint32 window);
    /// @notice Thrown when an open dispute forbids the call.
    error DisputeOpen(uint16 count);
    /// @notice Thrown when a job is to expire whose next window is verified: that has to be settled first.
    error SettlementDue(uint32 window);
    /// @notice Thrown when an entry has no open dispute.
    error NoDispute(bytes32 entryHash);
    /// @notice Thrown when an account challenges an entry that is its own, or that it accuses or has accused in vain, or the accusers
    /// are as many as a dispute takes.
    error CannotAccuse(bytes32 entryHash, address accuser);
    /// @notice Thrown when the arbiter has not ruled yet.
    error RulingPending(bytes32 entryHash);
    /// @notice Thrown when a claim is accepted or challenged that is refuted already: resolve its dispute first.
    error RulingDue(bytes32 entryHash);
    /// @notice Thrown when two entries do not prove that one solver signed twice for one range, or it was slashed for that
    /// already, or its seat is gone.
    error NotEquivocation();
    /// @notice Thrown when a cell was not summoned for the next window.
    error NotSummoned(uint16 replica);

    // ---------------------------------------------------------------- vault

    function deposit() external payable;
    function withdraw(uint256 amount) external;
    function balanceOf(address account) external view returns (uint256 free);

    // ------------------------------------------------------------- registry

    /// @notice The escrow that covers the job's worst case, and the least stake of a bid in each role.
    /// @dev Reverts with InvalidTerms exactly when registerJob does.
    function quote(JobTerms calldata terms)
        external
        pure
        returns (uint256 escrow, uint256 solverStake, uint256 verifierStake, uint256 coordinatorStake);
    /// @notice jobId = sha256("assay/job/1" | specHash | chain id (32) | this (20) | submitter (20) | nonce (8)).
    /// @dev The escrow must cover the first `depth` windows; a window beyond what it covers is committed after a topUp.
    function registerJob(JobTerms calldata terms, uint64 nonce) external payable returns (bytes32 jobId);
    /// @notice Adds to a job's escrow, from anybody, and moves its deadline by `blocks`, by the submitter alone and to
    /// twice the period it was registered with at most. What is unused goes back to the submitter at the end.
    function topUp(bytes32 jobId, uint32 blocks) external payable;
    /// @notice Ends a job as early as the work already done allows: at once before the first assignment; later after the
    /// windows that were ever committed and the one under way. The rest of the escrow goes back when they are final.
    function cancel(bytes32 jobId) external;
    function expire(bytes32 jobId) external;
    /// @notice Locks `stake` of the free balance as the account's seat; its weight in draws. One role per account and job.
    function bid(bytes32 jobId, Role role, uint128 stake) external;
    /// @notice Draws the cells once bidding has closed and its randomness exists.
    function assign(bytes32 jobId) external;
    /// @notice Returns the seat of an account that no longer takes part.
    function unbond(bytes32 jobId, address account) external;

    // -------------------------------------------------------------- windows

    /// @notice Takes the lease of a holder who missed its time.
    function claimLease(bytes32 jobId) external;
    /// @notice Commits the next window: all slots in order, in each slot all replicas in order.
    function commitWindow(
        bytes32 jobId,
        uint32 epoch,
        uint32 window,
        Entry[] calldata entries,
        bytes[] calldata signatures
    ) external;
    function fixSeed(bytes32 jobId, uint32 window) external;
    function settleWindow(bytes32 jobId, uint32 window) external;

    /// @notice Asks the cell of a replica to show that it works, when the next window is overdue (lease holder).
    function summon(bytes32 jobId, uint16 replica) external;
    /// @notice Answers a summons (the cell). Bounded: after two answers without a commit the cell can be replaced at once.
    function present(bytes32 jobId, uint16 replica) external;
    /// @notice Replaces a cell whose summons stayed unanswered, or that was summoned in vain twice (anyone).
    function replace(bytes32 jobId, uint16 replica) external;

    // ------------------------------------------------------------- verdicts

    /// @notice Whether an entry is drawn, and its verifier in the window's present round (zero: none left).
    function drawn(bytes32 jobId, uint32 window, uint16 index) external view returns (bool sampled, address verifier);
    /// @param commitment sha256("assay/verdict/1" | entryHash | verifier (20) | accept (1) | against (2) | digest | salt).
    function commitVerdict(bytes32 jobId, uint32 epoch, uint32 window, uint16 index, bytes32 commitment) external;
    /// @notice The drawn verifier could not fetch the evidence: passes the entry on to the next round, at no loss.
    function abstain(bytes32 jobId, uint32 epoch, uint32 window, uint16 index) external;
    /// @notice Opens a commitment. A rejection accuses entry `against` of the same slot: the replica whose own lanes differ
    /// (usually `index` itself). `digest` is the proof of replay.
    function revealVerdict(
        bytes32 jobId,
        uint32 epoch,
        uint32 window,
        uint16 index,
        bool accept,
        uint16 against,
        bytes32 digest,
        bytes32 salt
    ) external;
    /// @notice After the deadlines: draws other verifiers for what is missing; after the last round the window lapses.
    function redraw(bytes32 jobId, uint32 window) external;

    // ------------------------------------------------------------- disputes

    /// @notice Accuses a committed entry, drawn or not, accepted or not, with challengeBond from the free balance. An upheld claim
    /// may be accused again, by others than those who have lost, as long as its window takes challenges.
    function challenge(bytes32 jobId, uint32 epoch, uint32 window, uint16 index) external;
    /// @notice Carries out the arbiter's ruling.
    function resolve(bytes32 entryHash) external;
    /// @notice A fault on sight: two signed entries of one replica and epoch whose steps overlap.
    function equivocation(Entry calldata a, bytes calldata sigA, Entry calldata b, bytes calldata sigB) external;

    // ---------------------------------------------------------------- views

    function randomness() external view returns (IRandomness);
    function arbiter() external view returns (IArbiter);
    function termsOf(bytes32 jobId) external view returns (JobTerms memory);
    function jobOf(bytes32 jobId) external view returns (JobView memory);
    function windowOf(bytes32 jobId, uint32 window) external view returns (WindowView memory);
    function entryOf(bytes32 jobId, uint32 window, uint16 index) external view returns (EntryView memory);
    function disputeOf(bytes32 entryHash) external view returns (DisputeView memory);
    function seatOf(bytes32 jobId, address account) external view returns (Seat memory);
    /// @notice The cells of a plan epoch; cells[r] trains replica r.
    function cellsOf(bytes32 jobId, uint32 epoch) external view returns (address[] memory);
    /// @notice All solvers of the job in order: the cells of the current epoch, then the standby.
    function solversOf(bytes32 jobId) external view returns (address[] memory);
    function poolOf(bytes32 jobId) external view returns (Member[] memory);
    function coordinatorsOf(bytes32 jobId) external view returns (address[] memory);
    /// @notice sha256("assay/entry/1" | all fields packed big-endian).
    function entryDigest(Entry calldata entry) external pure returns (bytes32);
}
