// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Disputes} from "./Disputes.sol";
import {Hashes} from "./Hashes.sol";
import {IArbiter} from "./IArbiter.sol";
import {IAssay} from "./IAssay.sol";
import {IRandomness} from "./IRandomness.sol";
import {Leases} from "./Leases.sol";
import {Registry} from "./Registry.sol";
import {State} from "./State.sol";
import {Vault} from "./Vault.sol";
import {Verdicts} from "./Verdicts.sol";
import {Views} from "./Views.sol";
import {Windows} from "./Windows.sol";

/// @title The coordination contract
/// @notice The front of the libraries that hold the rules; see IAssay for what each function does.
/// @dev Ether leaves only by withdraw (to the caller, after all bookkeeping) and by burning.
contract Assay is IAssay {
    IRandomness public immutable randomness;
    IArbiter public immutable arbiter;

    State private s;

    constructor(IRandomness randomness_, IArbiter arbiter_) {
        randomness = randomness_;
        arbiter = arbiter_;
    }

    // ---------------------------------------------------------------- vault

    function deposit() external payable {
        Vault.credit(s, Vault.wholeJob(0), msg.sender, msg.value, Reason.Deposit);
    }

    function withdraw(uint256 amount) external {
        Vault.debit(s, Vault.wholeJob(0), msg.sender, amount, Reason.Withdrawal);
        Vault.send(msg.sender, amount);
    }

    function balanceOf(address account) external view returns (uint256) {
        return s.free[account];
    }

    // ------------------------------------------------------------- registry

    function quote(JobTerms calldata terms) external pure returns (uint256, uint256, uint256, uint256) {
        return Registry.quote(terms);
    }

    function registerJob(JobTerms calldata terms, uint64 nonce) external payable returns (bytes32) {
        return Registry.register(s, terms, nonce, msg.value);
    }

    function topUp(bytes32 jobId, uint32 blocks) external payable {
        Registry.topUp(s, jobId, msg.value, blocks);
    }

    function cancel(bytes32 jobId) external {
        Registry.cancel(s, jobId);
    }

    function expire(bytes32 jobId) external {
        Registry.expire(s, jobId);
    }

    function bid(bytes32 jobId, Role role, uint128 stake) external {
        Registry.bid(s, jobId, role, stake);
    }

    function assign(bytes32 jobId) external {
        Registry.assign(s, jobId, randomness);
    }

    function unbond(bytes32 jobId, address account) external {
        Registry.unbond(s, jobId, account);
    }

    // -------------------------------------------------------------- windows

    function claimLease(bytes32 jobId) external {
        Leases.claimLease(s, jobId);
    }

    function commitWindow(
        bytes32 jobId,
        uint32 epoch,
        uint32 window,
        Entry[] calldata entries,
        bytes[] calldata signatures
    ) external {
        Windows.commit(s, randomness, jobId, epoch, window, entries, signatures);
    }

    function fixSeed(bytes32 jobId, uint32 window) external {
        Windows.fixSeed(s, randomness, jobId, window);
    }

    function settleWindow(bytes32 jobId, uint32 window) external {
        Windows.settle(s, jobId, window);
    }

    function summon(bytes32 jobId, uint16 replica) external {
        Leases.summon(s, jobId, replica);
    }

    function present(bytes32 jobId, uint16 replica) external {
        Leases.present(s, jobId, replica);
    }

    function replace(bytes32 jobId, uint16 replica) external {
        Leases.replace(s, jobId, replica);
    }

    // ------------------------------------------------------------- verdicts

    function drawn(bytes32 jobId, uint32 window, uint16 index) external view returns (bool, address) {
        return Verdicts.drawn(s, jobId, window, index);
    }

    function commitVerdict(bytes32 jobId, uint32 epoch, uint32 window, uint16 index, bytes32 commitment) external {
        Verdicts.commit(s, jobId, epoch, window, index, commitment);
    }

    function abstain(bytes32 jobId, uint32 epoch, uint32 window, uint16 index) external {
        Verdicts.abstain(s, jobId, epoch, window, index);
    }

    function revealVerdict(
        bytes32 jobId,
        uint32 epoch,
        uint32 window,
        uint16 index,
        bool accept,
        uint16 against,
        bytes32 digest,
        bytes32 salt
    ) external {
        Verdicts.reveal(s, arbiter, jobId, epoch, window, index, accept, against, digest, salt);
    }

    function redraw(bytes32 jobId, uint32 window) external {
        Verdicts.redraw(s, jobId, window);
    }

    // ------------------------------------------------------------- disputes

    function challenge(bytes32 jobId, uint32 epoch, uint32 window, uint16 index) external {
        Disputes.challenge(s, arbiter, jobId, epoch, window, index);
    }

    function resolve(bytes32 entryHash) external {
        Disputes.resolve(s, arbiter, entryHash);
    }

    function equivocation(Entry calldata a, bytes calldata sigA, Entry calldata b, bytes calldata sigB) external {
        Disputes.equivocation(s, a, sigA, b, sigB);
    }

    // ---------------------------------------------------------------- views

    function termsOf(bytes32 jobId) external view returns (JobTerms memory) {
        return s.jobs[jobId].terms;
    }

    function jobOf(bytes32 jobId) external view returns (JobView memory) {
        return Views.job(s, jobId);
    }

    function windowOf(bytes32 jobId, uint32 window) external view returns (WindowView memory) {
        return Views.window(s, jobId, window);
    }

    function entryOf(bytes32 jobId, uint32 window, uint16 index) external view returns (EntryView memory) {
        return Views.entry(s, jobId, window, index);
    }

    function disputeOf(bytes32 entryHash) external view returns (DisputeView memory) {
        return Views.dispute(s, entryHash);
    }

    function seatOf(bytes32 jobId, address account) external view returns (Seat memory) {
        return s.jobs[jobId].seats[account];
    }

    function cellsOf(bytes32 jobId, uint32 epoch) external view returns (address[] memory) {
        return s.jobs[jobId].cells[epoch];
    }

    function solversOf(bytes32 jobId) external view returns (address[] memory) {
        return s.jobs[jobId].solvers;
    }

    function poolOf(bytes32 jobId) external view returns (Member[] memory) {
        return s.jobs[jobId].pool;
    }

    function coordinatorsOf(bytes32 jobId) external view returns (address[] memory) {
        return s.jobs[jobId].coordinators;
    }

    function entryDigest(Entry calldata entry) external pure returns (bytes32) {
        return Hashes.entry(entry);
    }
}
