// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "./IAssay.sol";
import {Dispute, EntryState, Job, State, Window, entryKey} from "./State.sol";

/// @title Storage as the interface shows it
library Views {
    function job(State storage s, bytes32 jobId) external view returns (IAssay.JobView memory v) {
        Job storage j = s.jobs[jobId];
        v.phase = j.phase;
        v.submitter = j.submitter;
        v.epoch = j.epoch;
        v.epochWindow = j.epochWindow;
        v.nextWindow = j.nextWindow;
        v.finalWindows = j.finalWindows;
        v.totalWindows = j.totalWindows;
        v.replicas = j.replicas;
        v.openDisputes = j.openDisputes;
        v.registeredAt = j.registeredAt;
        v.bidsClose = j.bidsClose;
        v.deadline = j.deadline;
        v.clock = j.clock;
        v.summonedUntil = j.summonedUntil;
        v.lease = j.lease;
        v.root = j.root;
        v.finalRoot = j.finalRoot;
        v.escrow = j.escrow;
    }

    function window(State storage s, bytes32 jobId, uint32 index) external view returns (IAssay.WindowView memory v) {
        Window storage w = s.jobs[jobId].windows[index];
        v.status = w.status;
        v.epoch = w.epoch;
        v.entries = w.entries;
        v.round = w.round;
        v.seeded = w.seeded;
        v.openDisputes = w.openDisputes;
        v.committedAt = w.committedAt;
        v.seedRound = w.seedRound;
        v.verdictsUntil = w.verdictsUntil;
        v.revealsUntil = w.revealsUntil;
        v.challengesUntil = w.challengesUntil;
        v.sampled = w.sampled;
        v.committed = w.committed;
        v.abstained = w.abstained;
        v.accepted = w.accepted;
        v.rejected = w.rejected;
        v.coordinator = w.coordinator;
        v.rootBefore = w.rootBefore;
        v.rootAfter = w.rootAfter;
        v.seed = w.seeded ? w.seed : bytes32(0);
    }

    function entry(State storage s, bytes32 jobId, uint32 w, uint16 index)
        external
        view
        returns (IAssay.EntryView memory)
    {
        Window storage win = s.jobs[jobId].windows[w];
        if (index >= win.entries) revert IAssay.OutOfRange(index);
        EntryState storage e = win.state[entryKey(win.epoch, index)];
        return IAssay.EntryView(e.entryHash, e.commitment, e.verifier, e.accepted, e.disputed);
    }

    function dispute(State storage s, bytes32 entryHash) external view returns (IAssay.DisputeView memory v) {
        Dispute storage d = s.disputes[entryHash];
        v.jobId = d.jobId;
        v.epoch = d.epoch;
        v.window = d.window;
        v.index = d.index;
        v.solver = d.solver;
        v.ruling = d.ruling;
        v.accusers = new address[](d.accusers.length);
        for (uint256 i = 0; i < d.accusers.length; i++) {
            v.accusers[i] = d.accusers[i].account;
        }
    }
}
