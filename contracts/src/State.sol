// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "./IArbiter.sol";
import {IAssay} from "./IAssay.sol";

/// @dev The contract's whole storage. The parts of its logic are libraries that share it by delegate call.
struct State {
    mapping(address account => uint256) free;
    mapping(bytes32 jobId => Job) jobs;
    mapping(bytes32 entryHash => Dispute) disputes;
}

struct Job {
    IAssay.JobTerms terms;
    address submitter;
    uint48 registeredAt;
    IAssay.Phase phase;
    uint16 replicas;
    address lease;
    uint48 bidsClose;
    uint32 epoch;
    uint48 deadline;
    uint48 clock;
    uint48 summonedUntil;
    uint32 epochWindow;
    uint32 nextWindow;
    uint32 finalWindows;
    uint32 totalWindows;
    uint32 totalSlots;
    uint16 openDisputes;
    uint32 peak; // windows that were ever committed, also those that are void again
    uint256 escrow;
    bytes32 root;
    bytes32 finalRoot;
    address[] solvers; // the cells of the current epoch, then the standby
    address[] coordinators;
    IAssay.Member[] pool; // verifier bidders; fixed by the first assignment
    mapping(address account => IAssay.Seat) seats;
    mapping(uint32 epoch => address[]) cells;
    mapping(uint32 window => Window) windows;
    mapping(uint16 replica => Summons) summons;
}

struct Window {
    IAssay.WindowStatus status;
    uint32 epoch;
    uint16 entries;
    uint8 round;
    bool seeded;
    bool probation; // the first window of its epoch: the entries of its first slot are always drawn
    uint8 lapses; //   over all epochs
    uint16 openDisputes;
    uint48 committedAt;
    uint48 seedRound;
    uint48 verdictsUntil;
    uint48 revealsUntil;
    uint48 challengesUntil;
    uint64 sampled;
    uint64 committed;
    uint64 abstained;
    uint64 accepted;
    uint64 rejected;
    address coordinator;
    bytes32 rootBefore;
    bytes32 rootAfter;
    bytes32 seed;
    mapping(uint256 epochAndIndex => EntryState) state; // key: epoch << 16 | index
}

struct EntryState {
    bytes32 entryHash;
    bytes32 commitment;
    address verifier;
    bool accepted;
    bool disputed; // its claim, and its verifier's, stay reserved until the dispute is resolved
    bool forfeited; // its solver lost its seat though the claim was upheld: nothing is reserved for it any more
}

struct Summons {
    uint32 epoch;
    uint32 window;
    uint48 until;
    uint8 strikes; // answers without a commit
    bool open;
}

struct Accuser {
    address account;
    bool bonded; // with a challengeBond in this contract; otherwise by a verdict alone
    bool handed; // on from another entry of the slot: not once more
}

struct Dispute {
    bytes32 jobId;
    address solver;
    uint32 epoch;
    uint32 window;
    uint16 index;
    bool open;
    IArbiter.Ruling ruling; // the last one carried out
    uint64 rejections; // drawn entries whose verdict was this accusation; each holds its verifier's verdictStake
    Accuser[] accusers;
}

uint16 constant NO_INDEX = type(uint16).max;
uint32 constant NO_WINDOW = type(uint32).max;

/// @dev Bounds of every loop.
uint256 constant MAX_WINDOW_ENTRIES = 64;
uint256 constant MAX_SOLVERS = 64;
uint256 constant MAX_POOL = 64;
uint256 constant MAX_COORDINATORS = 16;
uint256 constant MAX_DEPTH = 8;
uint256 constant MAX_CHALLENGERS = 8; // drawn verifiers may come on top: with all of them a resolution just fits a transaction (Gas.t.sol)
uint8 constant MAX_ROUNDS = 3;

/// @dev What the longest game costs one of its players: about 1.5 M at 2^71 micro-steps (docs/spec/pinpoint.md). No more is repaid.
uint256 constant GAME_GAS = 2_000_000;

function entryKey(uint32 epoch, uint16 index) pure returns (uint256) {
    return (uint256(epoch) << 16) | index;
}

function blockNow() view returns (uint48) {
    return uint48(block.number);
}
