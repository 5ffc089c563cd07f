// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {IRandomness} from "../src/IRandomness.sol";
import {OracleArbiter} from "../src/testing/OracleArbiter.sol";
import {Deploy} from "deploy/Deploy.sol";
import {Vm, vm} from "./Vm.sol";

/// @dev Assertions, actors and the moves of a job's life.
abstract contract Base {
    bool public constant IS_TEST = true;
    uint256 internal constant FUNDS = 1e24;
    uint128 internal constant GAME = 2_000_000; // gas of the longest game, at a price of 1
    uint128 internal constant CLAIM = 10 * GAME;
    uint128 internal constant VERDICT = 2 * GAME;
    uint128 internal constant BOND = 3 * GAME;

    IAssay internal assay;
    IRandomness internal randomness;
    OracleArbiter internal oracle;
    mapping(address account => uint256) internal keys;
    uint64 private nonce;

    address internal submitter = actor("submitter");
    address internal stranger = actor("stranger");
    address internal whistleblower = actor("whistleblower");

    function setUp() public virtual {
        randomness = IRandomness(Deploy.contractNamed("BlockRandomness", ""));
        oracle = OracleArbiter(Deploy.probeNamed("OracleArbiter"));
        assay = assayWith(oracle);
    }

    function assayWith(IArbiter judge) internal returns (IAssay) {
        return IAssay(Deploy.contractNamed("Assay", abi.encode(randomness, judge)));
    }

    // ----------------------------------------------------------- assertions

    error NotEqual(string what, uint256 left, uint256 right);

    function eq(uint256 left, uint256 right, string memory what) internal pure {
        if (left != right) revert NotEqual(what, left, right);
    }

    function eq(address left, address right, string memory what) internal pure {
        eq(uint160(left), uint160(right), what);
    }

    function eq(bytes32 left, bytes32 right, string memory what) internal pure {
        eq(uint256(left), uint256(right), what);
    }

    function yes(bool condition, string memory what) internal pure {
        eq(condition ? 1 : 0, 1, what);
    }

    /// @dev The next call by `sender` must revert with exactly this error.
    function refused(address sender, bytes memory data) internal {
        vm.expectRevert(data);
        vm.prank(sender);
    }

    // --------------------------------------------------------------- actors

    function actor(string memory name) internal returns (address account) {
        uint256 key = uint256(keccak256(bytes(name)));
        account = vm.addr(key);
        keys[account] = key;
    }

    function actor(string memory name, uint256 i) internal returns (address) {
        return actor(string.concat(name, vm.toString(i)));
    }

    function fund(address account) internal {
        vm.deal(account, FUNDS);
        vm.prank(account);
        assay.deposit{value: FUNDS}();
    }

    // ----------------------------------------------------------------- jobs

    function defaults() internal pure returns (IAssay.JobTerms memory t) {
        t.specHash = "spec";
        t.programRoot = "program";
        t.dataRoot = "data";
        t.initRoot = "init";
        t.factsHash = "facts";
        t.steps = 11;
        t.entrySteps = 2;
        t.entriesPerWindow = 2;
        t.replicas = 2;
        t.depth = 2;
        t.sampleRate = type(uint64).max;
        t.entryPrice = 1000;
        t.verdictFee = 100;
        t.windowFee = 50;
        t.claimStake = CLAIM;
        t.verdictStake = VERDICT;
        t.challengeBond = BOND;
        t.coordinatorBond = 900;
        t.gasPrice = 1;
        t.bidPeriod = 10;
        t.commitPeriod = 20;
        t.verdictPeriod = 10;
        t.revealPeriod = 10;
        t.challengePeriod = 8;
        t.responsePeriod = 6;
        t.jobPeriod = 5000;
    }

    function register(IAssay.JobTerms memory t) internal returns (bytes32 jobId) {
        (uint256 escrow,,,) = assay.quote(t);
        vm.deal(submitter, escrow);
        vm.prank(submitter);
        jobId = assay.registerJob{value: escrow}(t, nonce++);
    }

    function bid(bytes32 jobId, address account, IAssay.Role role) internal {
        (, uint256 solver, uint256 verifier, uint256 coordinator) = assay.quote(assay.termsOf(jobId));
        uint256 stake = role == IAssay.Role.Solver ? solver : role == IAssay.Role.Verifier ? verifier : coordinator;
        fund(account);
        vm.prank(account);
        assay.bid(jobId, role, uint128(stake));
    }

    /// @dev A job with all its bids in, assigned.
    function start(IAssay.JobTerms memory t, uint256 solvers, uint256 verifiers) internal returns (bytes32 jobId) {
        jobId = register(t);
        for (uint256 i = 0; i < solvers; i++) {
            bid(jobId, actor("solver", i), IAssay.Role.Solver);
        }
        for (uint256 i = 0; i < verifiers; i++) {
            bid(jobId, actor("verifier", i), IAssay.Role.Verifier);
        }
        for (uint256 i = 0; i < 2; i++) {
            bid(jobId, actor("coordinator", i), IAssay.Role.Coordinator);
        }
        vm.roll(job(jobId).bidsClose + 3);
        assay.assign(jobId);
    }

    function start() internal returns (bytes32) {
        return start(defaults(), 3, 3);
    }

    function job(bytes32 jobId) internal view returns (IAssay.JobView memory) {
        return assay.jobOf(jobId);
    }

    function window(bytes32 jobId, uint32 w) internal view returns (IAssay.WindowView memory) {
        return assay.windowOf(jobId, w);
    }

    function cell(bytes32 jobId, uint16 replica) internal view returns (address) {
        return assay.cellsOf(jobId, job(jobId).epoch)[replica];
    }

    // -------------------------------------------------------------- windows

    /// @dev The root of honest training after a step; each lie makes another.
    function rootAt(uint256 step, uint256 lie) internal pure returns (bytes32) {
        return step == 0 ? bytes32("init") : keccak256(abi.encode(step, lie));
    }

    function sign(IAssay.Entry memory e) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[e.solver], assay.entryDigest(e));
        return abi.encodePacked(r, s, v);
    }

    /// @dev The entries that the next window needs.
    function build(bytes32 jobId, uint256 lie)
        internal
        view
        returns (IAssay.Entry[] memory entries, bytes[] memory signatures)
    {
        IAssay.JobView memory v = job(jobId);
        IAssay.JobTerms memory t = assay.termsOf(jobId);
        address[] memory cells = assay.cellsOf(jobId, v.epoch);
        uint256 slots = (uint256(t.steps) + t.entrySteps - 1) / t.entrySteps;
        uint256 first = uint256(v.nextWindow) * t.entriesPerWindow;
        uint256 count = slots - first < t.entriesPerWindow ? slots - first : t.entriesPerWindow;
        entries = new IAssay.Entry[](count * cells.length);
        signatures = new bytes[](entries.length);
        bytes32 root = v.root;
        for (uint256 i = 0; i < entries.length; i++) {
            IAssay.Entry memory e = entries[i];
            e.jobId = jobId;
            e.epoch = v.epoch;
            e.replica = uint16(i % cells.length);
            e.window = v.nextWindow;
            e.stepFrom = uint32((first + i / cells.length) * t.entrySteps);
            e.stepTo = e.stepFrom + t.entrySteps < t.steps ? e.stepFrom + t.entrySteps : t.steps;
            e.rootBefore = root;
            e.rootAfter = rootAt(e.stepTo, lie);
            if (cells.length > 1) e.lanesRoot = keccak256(abi.encode("lanes", e.stepTo, lie));
            e.metricsRoot = "metrics";
            e.solver = cells[e.replica];
            signatures[i] = sign(e);
            if (e.replica == cells.length - 1) root = e.rootAfter;
        }
    }

    function commit(bytes32 jobId, uint256 lie) internal returns (uint32 w) {
        w = job(jobId).nextWindow;
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, lie);
        IAssay.JobView memory v = job(jobId);
        vm.prank(v.lease);
        assay.commitWindow(jobId, v.epoch, w, entries, signatures);
    }

    function commit(bytes32 jobId) internal returns (uint32) {
        return commit(jobId, 0);
    }

    function seed(bytes32 jobId, uint32 w) internal {
        vm.roll(window(jobId, w).seedRound + 1);
        assay.fixSeed(jobId, w);
    }

    function commitAndSeed(bytes32 jobId) internal returns (uint32 w) {
        w = commit(jobId);
        seed(jobId, w);
    }

    // ------------------------------------------------------------- verdicts

    bytes32 internal constant DIGEST = "digest";
    bytes32 internal constant SALT = "salt";

    function verifierOf(bytes32 jobId, uint32 w, uint16 i) internal view returns (address verifier) {
        (, verifier) = assay.drawn(jobId, w, i);
    }

    function commitment(bytes32 entryHash, address verifier, bool accept, uint16 against)
        internal
        pure
        returns (bytes32)
    {
        return sha256(abi.encodePacked("assay/verdict/1", entryHash, verifier, accept, against, DIGEST, SALT));
    }

    function commitVerdict(bytes32 jobId, uint32 w, uint16 i, bool accept, uint16 against) internal {
        address verifier = verifierOf(jobId, w, i);
        bytes32 hash = commitment(assay.entryOf(jobId, w, i).entryHash, verifier, accept, against);
        uint32 epoch = window(jobId, w).epoch;
        vm.prank(verifier);
        assay.commitVerdict(jobId, epoch, w, i, hash);
    }

    function revealVerdict(bytes32 jobId, uint32 w, uint16 i, bool accept, uint16 against) internal {
        uint32 epoch = window(jobId, w).epoch;
        vm.prank(assay.entryOf(jobId, w, i).verifier);
        assay.revealVerdict(jobId, epoch, w, i, accept, against, DIGEST, SALT);
    }

    /// @dev Every drawn verifier commits to acceptance.
    function commitAll(bytes32 jobId, uint32 w) internal {
        IAssay.WindowView memory v = window(jobId, w);
        for (uint16 i = 0; i < v.entries; i++) {
            if (v.sampled >> i & 1 == 1) commitVerdict(jobId, w, i, true, i);
        }
    }

    function acceptAll(bytes32 jobId, uint32 w) internal {
        commitAll(jobId, w);
        IAssay.WindowView memory v = window(jobId, w);
        for (uint16 i = 0; i < v.entries; i++) {
            if (v.sampled >> i & 1 == 1) revealVerdict(jobId, w, i, true, i);
        }
    }

    function settle(bytes32 jobId, uint32 w) internal {
        vm.roll(window(jobId, w).challengesUntil + 1);
        assay.settleWindow(jobId, w);
    }

    /// @dev One honest window from commit to settlement.
    function finish(bytes32 jobId) internal returns (uint32 w) {
        w = commitAndSeed(jobId);
        acceptAll(jobId, w);
        settle(jobId, w);
    }

    // ------------------------------------------------------------- disputes

    function challenge(bytes32 jobId, uint32 w, uint16 i) internal returns (bytes32 entryHash) {
        if (assay.balanceOf(whistleblower) == 0) fund(whistleblower);
        uint32 epoch = window(jobId, w).epoch;
        vm.prank(whistleblower);
        assay.challenge(jobId, epoch, w, i);
        return assay.entryOf(jobId, w, i).entryHash;
    }

    /// @dev The claim is false: all its games are lost within a response period.
    function refute(bytes32 entryHash) internal {
        oracle.tell(entryHash, true);
        vm.roll(block.number + 7);
        carryOut(entryHash);
        yes(refuted(entryHash), "refuted");
    }

    /// @dev The claim is true, or nobody shows that it is not.
    function uphold(bytes32 entryHash) internal {
        vm.roll(block.number + 7);
        carryOut(entryHash);
        yes(assay.disputeOf(entryHash).ruling == IArbiter.Ruling.Upheld, "upheld");
    }

    /// @dev Whatever the ruling: what some have lost is what others have earned, and what is burned.
    function carryOut(bytes32 entryHash) internal {
        vm.recordLogs();
        assay.resolve(entryHash);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        int256 sum;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != IAssay.Ledger.selector) continue;
            (int256 amount, IAssay.Reason reason,,) = abi.decode(logs[i].data, (int256, IAssay.Reason, uint32, uint16));
            if (reason >= IAssay.Reason.Slash) sum += amount;
        }
        yes(sum == 0, "the ledger's slashes and their uses balance");
    }

    function refuted(bytes32 entryHash) internal view returns (bool) {
        return assay.disputeOf(entryHash).ruling == IArbiter.Ruling.Refuted;
    }

    /// @dev Free balance and seat together.
    function wealth(bytes32 jobId, address account) internal view returns (uint256) {
        return assay.balanceOf(account) + assay.seatOf(jobId, account).stake;
    }
}
