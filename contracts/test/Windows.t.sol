// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {IRandomness} from "../src/IRandomness.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract WindowsTest is Base {
    // --------------------------------------------------------------- commit

    function test_commit_records_and_reserves() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        IAssay.WindowView memory v = window(jobId, w);
        eq(uint8(v.status), uint8(IAssay.WindowStatus.Committed), "status");
        eq(v.entries, 4, "entries");
        eq(v.seedRound, block.number + 2, "the seed is beyond lookahead");
        eq(v.rootBefore, "init", "root before");
        eq(v.rootAfter, rootAt(4, 0), "root after");
        eq(job(jobId).root, rootAt(4, 0), "job root");
        eq(assay.seatOf(jobId, cell(jobId, 0)).reserved, 2 * CLAIM, "two claims");
        (IAssay.Entry[] memory entries,) = build(jobId, 0);
        eq(entries[0].rootBefore, rootAt(4, 0), "the next window goes on");
    }

    function test_commit_checks_every_field_of_an_entry() public {
        bytes32 jobId = start();
        IAssay.Entry memory e;
        (e = fresh(jobId, 1)).jobId = "other";
        refuse(jobId, e, 1, "jobId");
        (e = fresh(jobId, 1)).epoch = 2;
        refuse(jobId, e, 1, "epoch");
        (e = fresh(jobId, 1)).replica = 0;
        refuse(jobId, e, 1, "replica");
        (e = fresh(jobId, 1)).window = 1;
        refuse(jobId, e, 1, "window");
        (e = fresh(jobId, 2)).stepFrom = 0;
        refuse(jobId, e, 2, "stepFrom");
        (e = fresh(jobId, 2)).stepTo = 5;
        refuse(jobId, e, 2, "stepTo");
        (e = fresh(jobId, 1)).solver = cell(jobId, 0);
        refuse(jobId, e, 1, "solver");
        (e = fresh(jobId, 0)).rootBefore = "other";
        refuse(jobId, e, 0, "rootBefore");
        (e = fresh(jobId, 2)).rootBefore = "other";
        refuse(jobId, e, 2, "rootBefore");
        (e = fresh(jobId, 1)).rootAfter = "other";
        refuse(jobId, e, 1, "rootAfter");
        (e = fresh(jobId, 3)).lanesRoot = fresh(jobId, 0).lanesRoot;
        refuse(jobId, e, 3, "lanesRoot");
        (e = fresh(jobId, 3)).metricsRoot = "other";
        refuse(jobId, e, 3, "metricsRoot");
    }

    function fresh(bytes32 jobId, uint256 i) private view returns (IAssay.Entry memory) {
        (IAssay.Entry[] memory entries,) = build(jobId, 0);
        return entries[i];
    }

    function refuse(bytes32 jobId, IAssay.Entry memory e, uint256 i, bytes32 field) private {
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, 0);
        entries[i] = e;
        signatures[i] = sign(e);
        refused(job(jobId).lease, abi.encodeWithSelector(IAssay.WrongEntry.selector, i, field));
        assay.commitWindow(jobId, 1, 0, entries, signatures);
    }

    function test_commit_checks_signatures() public {
        bytes32 jobId = start();
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, 0);
        bytes memory good = signatures[1];
        address lease = job(jobId).lease;
        bytes memory error_ = abi.encodeWithSelector(IAssay.BadSignature.selector, 1);
        signatures[1] = signatures[0];
        refused(lease, error_);
        assay.commitWindow(jobId, 1, 0, entries, signatures);
        signatures[1] = bytes.concat(good, hex"00");
        refused(lease, error_);
        assay.commitWindow(jobId, 1, 0, entries, signatures);
        signatures[1] = highS(good);
        refused(lease, error_);
        assay.commitWindow(jobId, 1, 0, entries, signatures);
        signatures[1] = good;
        vm.prank(lease);
        assay.commitWindow(jobId, 1, 0, entries, signatures);
    }

    /// @dev The other signature that recovers the same account.
    function highS(bytes memory signature) private pure returns (bytes memory) {
        (bytes32 r, uint256 s) = (bytes32(0), 0);
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        return abi.encodePacked(r, order - s, uint8(signature[64]) == 27 ? uint8(28) : uint8(27));
    }

    function test_commit_refuses_other_callers_epochs_windows_and_counts() public {
        bytes32 jobId = start();
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, 0);
        address lease = job(jobId).lease;
        refused(stranger, abi.encodeWithSelector(IAssay.NotAuthorized.selector, lease));
        assay.commitWindow(jobId, 1, 0, entries, signatures);
        refused(lease, abi.encodeWithSelector(IAssay.WrongEpoch.selector, 1));
        assay.commitWindow(jobId, 2, 0, entries, signatures);
        refused(lease, abi.encodeWithSelector(IAssay.WrongWindow.selector, 0));
        assay.commitWindow(jobId, 1, 1, entries, signatures);
        refused(lease, abi.encodeWithSelector(IAssay.WrongEntryCount.selector, 4, 3));
        assay.commitWindow(jobId, 1, 0, entries, new bytes[](3));
        refused(lease, abi.encodeWithSelector(IAssay.WrongEntryCount.selector, 4, 5));
        assay.commitWindow(jobId, 1, 0, new IAssay.Entry[](5), signatures);
        refused(lease, abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.None));
        assay.commitWindow("no job", 1, 0, entries, signatures);
        vm.roll(job(jobId).deadline + 1);
        refused(lease, abi.encodeWithSelector(IAssay.TooLate.selector, job(jobId).deadline));
        assay.commitWindow(jobId, 1, 0, entries, signatures);
    }

    function test_depth_limits_the_pipeline() public {
        bytes32 jobId = start();
        commitAndSeed(jobId);
        commit(jobId);
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, 0);
        refused(job(jobId).lease, abi.encodeWithSelector(IAssay.WindowNotOpen.selector, 2));
        assay.commitWindow(jobId, 1, 2, entries, signatures);
        acceptAll(jobId, 0);
        settle(jobId, 0);
        eq(commit(jobId), 2, "opens when the first is final");
    }

    function test_an_open_init_root_is_claimed_by_the_first_entry() public {
        IAssay.JobTerms memory t = defaults();
        t.initRoot = 0;
        bytes32 jobId = start(t, 2, 1);
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, 0);
        entries[0].rootBefore = "claimed";
        signatures[0] = sign(entries[0]);
        refused(job(jobId).lease, abi.encodeWithSelector(IAssay.WrongEntry.selector, 1, bytes32("rootBefore")));
        assay.commitWindow(jobId, 1, 0, entries, signatures);
        entries[1].rootBefore = "claimed";
        signatures[1] = sign(entries[1]);
        vm.prank(job(jobId).lease);
        assay.commitWindow(jobId, 1, 0, entries, signatures);
        eq(window(jobId, 0).rootBefore, "claimed", "root before");
    }

    // ----------------------------------------------------------------- seed

    function test_seed_waits_for_its_round_and_is_fixed_once() public {
        bytes32 jobId = start();
        uint32 w = commit(jobId);
        uint48 round = window(jobId, w).seedRound;
        vm.roll(round);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.NotReady.selector, round));
        assay.fixSeed(jobId, w);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotSeeded.selector, w));
        assay.drawn(jobId, w, 0);
        vm.roll(round + 1);
        assay.fixSeed(jobId, w);
        (bool known, bytes32 value) = randomness.valueOf(round);
        yes(known, "recorded");
        eq(window(jobId, w).seed, sha256(abi.encodePacked("assay/audit/1", jobId, uint32(1), w, value)), "seed");
        vm.expectRevert(abi.encodeWithSelector(IAssay.AlreadySeeded.selector, w));
        assay.fixSeed(jobId, w);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongWindow.selector, 1));
        assay.fixSeed(jobId, 1);
    }

    /// @dev Only the first slot of an epoch's first window is on probation; elsewhere the rate decides alone.
    function test_sampling_follows_the_seed_and_probation() public {
        IAssay.JobTerms memory t = defaults();
        t.sampleRate = 2 ** 63;
        bytes32 jobId = start(t, 2, 2);
        for (uint32 w = 0; w < 2; w++) {
            commitAndSeed(jobId);
            IAssay.WindowView memory v = window(jobId, w);
            for (uint16 i = 0; i < v.entries; i++) {
                bytes32 entryHash = assay.entryOf(jobId, w, i).entryHash;
                uint64 x = uint64(bytes8(sha256(abi.encodePacked("assay/sample/1", v.seed, entryHash))));
                bool expected = x < 2 ** 63 || (w == 0 && i < 2);
                (bool sampled, address verifier) = assay.drawn(jobId, w, i);
                yes(sampled == expected, "sampled");
                yes((verifier != address(0)) == sampled, "verifier");
            }
        }
        vm.expectRevert(abi.encodeWithSelector(IAssay.OutOfRange.selector, 4));
        assay.drawn(jobId, 0, 4);
    }

    function test_a_window_without_draws_goes_straight_to_its_challenge_period() public {
        IAssay.JobTerms memory t = defaults();
        t.sampleRate = 1;
        t.claimStake = 2000 * 2 ** 64;
        bytes32 jobId = start(t, 2, 1);
        finish(jobId);
        uint32 w = commit(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotSeeded.selector, w));
        assay.settleWindow(jobId, w);
        seed(jobId, w);
        eq(window(jobId, w).sampled, 0, "nothing drawn");
        eq(window(jobId, w).challengesUntil, block.number + 8, "challenges");
        settle(jobId, w);
        eq(job(jobId).finalWindows, 2, "final");
    }

    // ----------------------------------------------------------- settlement

    function test_a_whole_job_pays_everybody_and_ends() public {
        bytes32 jobId = start();
        uint256 escrow = job(jobId).escrow;
        address coordinator = job(jobId).lease;
        uint256[3] memory before = [
            wealth(jobId, cell(jobId, 0)), wealth(jobId, cell(jobId, 1)), wealth(jobId, coordinator)
        ];
        for (uint32 w = 0; w < 3; w++) {
            finish(jobId);
        }
        eq(uint8(job(jobId).phase), uint8(IAssay.Phase.Settled), "phase");
        eq(job(jobId).finalRoot, rootAt(11, 0), "final root");
        eq(wealth(jobId, cell(jobId, 0)) - before[0], 6 * 1000, "six entries");
        eq(wealth(jobId, cell(jobId, 1)) - before[1], 6 * 1000, "six entries");
        eq(wealth(jobId, coordinator) - before[2], 3 * 50, "three windows");
        eq(job(jobId).escrow, 0, "escrow");
        eq(escrow, 12 * 1000 + 12 * 100 + 3 * 50, "every entry was drawn: nothing to refund");
        eq(assay.seatOf(jobId, cell(jobId, 0)).reserved, 0, "released");
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.Settled));
        assay.settleWindow(jobId, 2);
    }

    function test_unverified_entries_are_refunded() public {
        IAssay.JobTerms memory t = defaults();
        t.sampleRate = 1;
        t.claimStake = 2000 * 2 ** 64;
        bytes32 jobId = start(t, 2, 1);
        for (uint32 w = 0; w < 3; w++) {
            finish(jobId);
        }
        eq(assay.balanceOf(submitter), 10 * 100, "fees of ten undrawn entries");
    }

    /// @dev A lone cell does both replicas' work and earns both replicas' price.
    function test_a_shrunk_plan_pays_the_same_for_a_slot() public {
        bytes32 jobId = start(defaults(), 1, 1);
        address solver = cell(jobId, 0);
        uint256 before = wealth(jobId, solver);
        finish(jobId);
        eq(window(jobId, 0).entries, 2, "one entry a slot");
        eq(wealth(jobId, solver) - before, 2 * 2000, "two slots");
    }

    function test_settlement_is_in_order_and_after_the_challenge_period() public {
        bytes32 jobId = start();
        commitAndSeed(jobId);
        commitAndSeed(jobId);
        vm.expectRevert(abi.encodeWithSelector(IAssay.VerdictsPending.selector, 15));
        assay.settleWindow(jobId, 0);
        acceptAll(jobId, 1);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongWindow.selector, 0));
        assay.settleWindow(jobId, 1);
        acceptAll(jobId, 0);
        uint48 until = window(jobId, 0).challengesUntil;
        vm.roll(until);
        vm.expectRevert(abi.encodeWithSelector(IAssay.TooEarly.selector, until + 1));
        assay.settleWindow(jobId, 0);
        settle(jobId, 0);
        settle(jobId, 1);
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongWindow.selector, 2));
        assay.settleWindow(jobId, 2);
    }

    /// @dev Whatever the shape of the plan: slots are paid in full, nothing else leaves the escrow.
    function testFuzz_shapes(uint8 logReplicas, uint8 slots, uint8 solvers, uint16 steps) public {
        IAssay.JobTerms memory t = defaults();
        t.replicas = uint16(1 << (logReplicas % 4));
        t.entriesPerWindow = slots % 4 + 1;
        t.steps = steps % 12 + 1;
        bytes32 jobId = start(t, solvers % 6 + 1, 2);
        uint256 escrow = job(jobId).escrow;
        uint256 count = (uint256(t.steps) + 1) / 2;
        uint256 verdicts;
        while (job(jobId).phase == IAssay.Phase.Active) {
            verdicts += window(jobId, finish(jobId)).entries;
        }
        uint256 spent = count * t.replicas * 1000 + verdicts * 100 + job(jobId).totalWindows * 50;
        eq(assay.balanceOf(submitter), escrow - spent, "refund");
    }
}
