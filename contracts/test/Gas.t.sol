// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev What whole transactions cost at the contract's limits: every one fits EIP-7825, and snapshots/gas.json keeps the
/// figures. `FORGE_SNAPSHOT_CHECK=true` makes a difference fail.
/// forge-config: default.isolate = true
/// forge-config: test.isolate = true
contract GasTest is Base {
    uint256 private constant CAP = 16_777_216;

    function full(uint16 replicas, uint8 depth) private pure returns (IAssay.JobTerms memory t) {
        t = defaults();
        t.replicas = replicas;
        t.entriesPerWindow = 64 / replicas;
        t.depth = depth;
        t.steps = uint32(t.entriesPerWindow) * 2 * 12;
        t.claimStake = 2 * 8 * (64 * 1100 + 50);
        t.verdictPeriod = 1000;
        t.challengePeriod = 1000;
        t.jobPeriod = 1e6;
    }

    function measured(string memory name) private {
        uint256 gas = vm.snapshotGasLastCall("gas", name);
        yes(gas < CAP, name);
    }

    function test_one_window_of_64_entries() public {
        bytes32 jobId = start(full(2, 2), 3, 8);
        uint32 w = commit(jobId);
        measured("commitWindow: 64 entries of 2 cells");
        seed(jobId, w);
        measured("fixSeed: 64 entries");
        commitVerdict(jobId, w, 0, true, 0);
        measured("commitVerdict");
        for (uint16 i = 1; i < 64; i++) {
            commitVerdict(jobId, w, i, true, i);
        }
        for (uint16 i = 0; i < 64; i++) {
            revealVerdict(jobId, w, i, true, i);
        }
        measured("revealVerdict: acceptance");
        settle(jobId, w);
        measured("settleWindow: 64 entries, all drawn");
    }

    function test_small_calls() public {
        bytes32 jobId = register(defaults());
        measured("registerJob");
        bid(jobId, stranger, IAssay.Role.Solver);
        measured("bid");
        jobId = start();
        uint32 w = commit(jobId);
        measured("commitWindow: 4 entries of 2 cells");
        bytes32 entryHash = assay.entryOf(jobId, w, 0).entryHash;
        fund(whistleblower);
        vm.prank(whistleblower);
        assay.challenge(jobId, 1, w, 0);
        measured("challenge");
        contest(entryHash);
        measured("contest");
        assay.resolve(entryHash);
        measured("resolve: contested, 4 entries");
    }

    function test_crowded_draws() public {
        bytes32 jobId = register(full(64, 1));
        for (uint256 i = 0; i < 64; i++) {
            bid(jobId, actor("solver", i), IAssay.Role.Solver);
            bid(jobId, actor("verifier", i), IAssay.Role.Verifier);
            if (i < 16) bid(jobId, actor("coordinator", i), IAssay.Role.Coordinator);
        }
        vm.roll(job(jobId).bidsClose + 3);
        assay.assign(jobId);
        measured("assign: 64 solvers, 64 verifiers, 16 coordinators");
        uint32 w = commit(jobId);
        measured("commitWindow: 64 entries of 64 cells");
        seed(jobId, w);
        for (uint256 round = 0; round < 2; round++) {
            vm.roll(window(jobId, w).verdictsUntil + 1);
            assay.redraw(jobId, w);
        }
        measured("redraw: 64 missing of a pool of 64");
        acceptAll(jobId, w);
        measured("revealVerdict: third round of a pool of 64");
        bytes32 entryHash = challenge(jobId, w, 0);
        resolve(entryHash);
        measured("resolve: refuted, 64 cells");
    }

    function test_a_slash_with_the_deepest_pipeline() public {
        bytes32 jobId = start(full(2, 8), 3, 64);
        for (uint32 w = 0; w < 8; w++) {
            commitAndSeed(jobId);
        }
        for (uint32 w = 0; w < 8; w++) {
            acceptAll(jobId, w);
        }
        bytes32 entryHash = challenge(jobId, 0, 0);
        resolve(entryHash);
        measured("resolve: refuted, 8 windows of 64 accepted entries");
    }
}
