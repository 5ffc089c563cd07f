// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {MAX_CHALLENGERS} from "../src/State.sol";
import {Games} from "./Games.sol";
import {vm} from "./Vm.sol";

/// @dev What whole transactions cost at the contract's limits: every one fits EIP-7825, and snapshots/gas.json keeps the
/// figures. `FORGE_SNAPSHOT_CHECK=true` makes a difference fail.
/// forge-config: default.isolate = true
/// forge-config: test.isolate = true
contract GasTest is Games {
    uint256 private constant CAP = 16_777_216;

    function full(uint16 replicas, uint8 depth) private pure returns (IAssay.JobTerms memory t) {
        t = playable();
        t.replicas = replicas;
        t.entriesPerWindow = 64 / replicas;
        t.depth = depth;
        t.steps = uint32(t.entriesPerWindow) * 2 * 12;
        t.claimStake = 200 * GAME; // enough for everybody
        t.verdictPeriod = 1000;
        t.revealPeriod = 1000;
        t.challengePeriod = 1000;
        t.jobPeriod = 1e6;
    }

    function lanes() internal pure override returns (uint16) {
        return 64;
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
        concede(whistleblower, entryHash);
        assay.resolve(entryHash);
        measured("resolve: upheld, 4 entries");
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
        give(challenge(jobId, w, 0));
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
        give(challenge(jobId, 0, 0));
        measured("resolve: refuted, 8 windows of 64 accepted entries");
    }

    function concede(address player, bytes32 entryHash) private {
        bytes32 id = gameId(entryHash, 0, 0);
        vm.prank(player);
        pinpoint.concede(id);
    }

    /// @dev The solver gives its claim up, and the acceptor does not take it over.
    function give(bytes32 entryHash) private {
        concede(assay.disputeOf(entryHash).solver, entryHash);
        vm.roll(block.number + 7);
        assay.resolve(entryHash);
    }

    /// @dev Nothing can make a resolution dearer: 64 cells, 63 rejections and as many bonds as there may be against one claim, gas to repay
    /// to all of them, a seat of its acceptor, seven windows after it in which every entry is accepted, and nobody with a balance.
    function test_the_most_crowded_dispute() public {
        bytes32 jobId = crowdedJob();
        bytes32 entryHash = assay.entryOf(jobId, 0, 0).entryHash;
        for (uint256 i = 0; i < MAX_CHALLENGERS; i++) {
            address one = actor("accuser", i);
            fund(one);
            vm.prank(one);
            assay.challenge(jobId, 1, 0, 0);
            withdraw(one);
        }
        for (uint16 i = 0; i < 64; i++) {
            commitVerdict(jobId, 0, i, i == 0, 0);
        }
        for (uint16 i = 0; i < 64; i++) {
            revealVerdict(jobId, 0, i, i == 0, 0);
        }
        measured("revealVerdict: the last of 63 rejections");
        uint256 accusers = claim(entryHash).challengers.length;
        yes(accusers > MAX_CHALLENGERS + 32, "many different verifiers");
        loseSeat(entryHash, 0, accusers);
        vm.prank(assay.entryOf(jobId, 0, 0).verifier);
        pinpoint.defend(address(assay), entryHash);
        loseSeat(entryHash, 1, accusers);
        assay.resolve{gas: CAP - 30_000}(entryHash);
        measured("resolve: refuted by all who may accuse, 8 windows of 64 entries of 64 cells");
        yes(refuted(entryHash), "refuted");
    }

    /// @dev All of them have lost over sums of another replica, and accuse that now. What the arbiter says of each is told in its place.
    function test_the_most_crowded_passage() public {
        bytes32 jobId = crowdedJob();
        bytes32 entryHash = assay.entryOf(jobId, 0, 0).entryHash;
        for (uint256 i = 0; i < MAX_CHALLENGERS; i++) {
            fund(actor("accuser", i));
            vm.prank(actor("accuser", i));
            assay.challenge(jobId, 1, 0, 0);
        }
        for (uint16 i = 0; i < 64; i++) {
            commitVerdict(jobId, 0, i, i == 0, 0);
        }
        for (uint16 i = 0; i < 64; i++) {
            revealVerdict(jobId, 0, i, i == 0, 0);
        }
        uint256 accusers = claim(entryHash).challengers.length;
        for (uint256 i = 0; i < accusers; i++) {
            bytes32 id = gameId(entryHash, 0, i);
            address one = pinpoint.gameOf(id).challenger;
            vm.prank(one);
            pinpoint.concede(id);
            bytes memory asked = abi.encodeCall(IArbiter.passedTo, (address(assay), entryHash, one));
            vm.mockCall(address(pinpoint), asked, abi.encode(true, uint16(1)));
        }
        assay.resolve{gas: CAP - 30_000}(entryHash);
        measured("resolve: upheld, and all who may accuse are passed on");
        bytes32 next = assay.entryOf(jobId, 0, 1).entryHash;
        eq(assay.disputeOf(next).accusers.length, accusers, "passed on");
    }

    /// @dev Eight windows of 64 cells, all but the first one accepted.
    function crowdedJob() private returns (bytes32 jobId) {
        jobId = register(full(64, 8));
        for (uint256 i = 0; i < 64; i++) {
            bid(jobId, actor("solver", i), IAssay.Role.Solver);
            bid(jobId, actor("verifier", i), IAssay.Role.Verifier);
            withdraw(actor("solver", i));
            withdraw(actor("verifier", i));
        }
        bid(jobId, actor("coordinator", 0), IAssay.Role.Coordinator);
        withdraw(actor("coordinator", 0));
        vm.roll(job(jobId).bidsClose + 3);
        assay.assign(jobId);
        for (uint32 w = 0; w < 8; w++) {
            seed(jobId, commitKept(jobId));
            if (w > 0) acceptAll(jobId, w);
        }
    }

    function withdraw(address account) private {
        uint256 free = assay.balanceOf(account);
        vm.prank(account);
        assay.withdraw(free);
    }

    /// @dev Every challenger makes a move first, whose gas is metered.
    function loseSeat(bytes32 entryHash, uint256 seat, uint256 accusers) private {
        bytes32 first = gameId(entryHash, seat, 0);
        address holder = pinpoint.gameOf(first).asserter;
        postItems(entryHash, first, holder, true);
        for (uint256 i = 0; i < accusers; i++) {
            bytes32 id = gameId(entryHash, seat, i);
            chooseRoot(entryHash, id, pinpoint.gameOf(id).challenger);
        }
        vm.prank(holder);
        pinpoint.concede(first);
    }
}
