// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Deploy} from "deploy/Deploy.sol";
import {Base} from "./Base.sol";
import {Forest} from "./Forest.sol";
import {vm} from "./Vm.sol";

/// @dev The block by a cheat code: an optimiser takes that of the language for a constant of the call.
interface Blocks {
    function getBlockNumber() external view returns (uint256);
}

/// @dev A court, its claim, and one statement about it: a way down through lists of any size to the element of a node that adds up
/// its operand. All words are zero, all other values and items are made up.
abstract contract PinpointBase is Base {
    using Forest for Forest.Tree;

    uint256 internal constant ALL = type(uint256).max;
    uint32 internal constant RESPONSE = 20;
    uint32 internal constant STATE = 2;
    uint32 internal constant SUMS = 2; // one gradient, one metric
    uint8 internal constant I32 = 1;

    /// @dev Sizes of the toy job and the place in question.
    struct Shape {
        uint32 stepFrom;
        uint32 stepTo;
        uint16 replica;
        uint16 replicas;
        uint16 microBatches;
        uint16 lanes;
        uint32 nodes; //  of each graph; the first one adds up `loop` words of value 0 for each of its elements
        uint256 width; // its elements
        uint256 loop;
        uint256 items; // of the entry, as docs/spec/pinpoint.md counts them
        uint256 item; //  the place: a phase with `inputs` inputs
        uint256 inputs;
        uint256 element;
    }

    IPinpoint internal pinpoint;
    Shape internal shape;
    bytes internal entry;
    bytes internal facts;
    bytes internal node;
    bytes32 internal entryHash;
    bytes32 internal claimId;
    uint32 private number;
    mapping(IPinpoint.Level => Forest.Tree) internal statement;

    address internal solver = actor("solver");
    address internal challenger = actor("challenger");
    address internal acceptor = actor("acceptor");

    function setUp() public virtual override {
        pinpoint = IPinpoint(Deploy.contractNamed("PinpointArbiter", ""));
        build(small());
    }

    /// @dev A claim about another entry, with a statement as at first.
    function fresh() internal {
        number++;
        build(small());
    }

    function blockNow() internal view returns (uint256) {
        return Blocks(address(vm)).getBlockNumber();
    }

    /// @dev Two replicas, four micro-batches in four lanes, two steps: items 0 init; 1, 2 micro; 3 own sum; 4 inbound; 5 total; 6 update;
    /// 7 to 12 the same.
    function small() internal pure returns (Shape memory p) {
        (p.stepTo, p.replica, p.replicas, p.microBatches, p.lanes) = (2, 1, 2, 4, 4);
        (p.nodes, p.width, p.loop) = (3, 4, 700);
        (p.items, p.item, p.inputs, p.element) = (13, 1, STATE + 4, 2);
    }

    /// @dev Of four replicas the second, with one micro-batch: items 0 init; 1 own sum; 2 inbound, from replica 3; 3 what both have; 4 inbound,
    /// from replica 0; 5 total; 6 update; 7 to 12 the same.
    function quarter() internal pure returns (Shape memory p) {
        p = small();
        p.replicas = 4;
    }

    /// @dev 2^64 blocks: 16 million items, a graph of the largest size, a million elements, two thousand positions each.
    function huge() internal pure returns (Shape memory p) {
        (p.stepFrom, p.stepTo, p.replica, p.replicas, p.microBatches, p.lanes) = (4000, 6048, 0, 1, 4096, 256);
        (p.nodes, p.width, p.loop) = (65_536, 1 << 20, 2047);
        (p.items, p.item, p.inputs, p.element) = (2048 * 8192, 8192 * 1000 + 1, STATE + 4, 777_777);
    }

    // ------------------------------------------------------------- statement

    function build(Shape memory p) internal {
        shape = p;
        node = nodeBytes(p);
        facts = factsBytes(p);
        setStatement(p);
        // The last item of the entry is its root.
        setEntry(keccak256("rootBefore"), statement[IPinpoint.Level.Items].at(p.items - 1), "lanes", "metrics");
    }

    function setStatement(Shape memory p) private {
        statement[IPinpoint.Level.Trace] = Forest.uniform(true, traceLength(p), 0);
        statement[IPinpoint.Level.Words] = Forest.uniform(true, p.width, 0);
        statement[IPinpoint.Level.Values] = Forest.uniform(false, p.inputs + p.nodes, "value").with(0, operandRoot(p));
        statement[IPinpoint.Level.Items] = Forest.uniform(false, p.items, "item");
        link();
    }

    /// @dev Puts the root of each list into the one above it, where it is the place in question.
    function link() internal {
        Shape memory p = shape;
        bytes32 tensor = Forest.tensorRoot(header(), statement[IPinpoint.Level.Words]);
        statement[IPinpoint.Level.Values] = statement[IPinpoint.Level.Values].with(p.inputs, tensor);
    }

    function setEntry(bytes32 before, bytes32 rootAfter, bytes32 lanes, bytes32 metrics) internal {
        Shape memory p = shape;
        bytes memory place =
            abi.encodePacked(bytes32("job"), uint32(1), p.replica, number, p.stepFrom, p.stepTo, before, rootAfter);
        entry = bytes.concat(place, abi.encodePacked(lanes, metrics, solver));
        entryHash = sha256(bytes.concat("assay/entry/1", entry));
        claimId = pinpoint.claimIdOf(address(this), entryHash);
    }

    function traceLength(Shape memory p) internal pure returns (uint256) {
        return p.loop + (p.loop - 1) / 512;
    }

    function header() internal view returns (bytes memory) {
        return Forest.header(I32, one(shape.width));
    }

    function operandHeader(Shape memory p) internal pure returns (bytes memory) {
        return Forest.header(I32, one(p.width * p.loop));
    }

    function operandWords(Shape memory p) internal pure returns (Forest.Tree memory) {
        return Forest.uniform(true, p.width * p.loop, 0);
    }

    function operandRoot(Shape memory p) private pure returns (bytes32) {
        return Forest.tensorRoot(operandHeader(p), operandWords(p));
    }

    function one(uint256 n) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = n;
    }

    // ------------------------------------------------------------------- job

    function u32(uint256 n) internal pure returns (bytes memory) {
        return Forest.little(bytes32(n));
    }

    /// @dev out[e] = the sum of value0[e * loop + k] over k, by chain512.
    function programBytes(Shape memory p) internal pure returns (bytes memory program) {
        program = bytes.concat(hex"010101", u32(p.width), hex"01", u32(p.loop), hex"00", u32(0));
        program = bytes.concat(program, hex"0100", u32(0), u32(0), u32(p.loop), u32(1), hex"0000");
        // step: iadd(acc, load 0); join: iadd(acc, other); no finish
        return bytes.concat(program, hex"010b020000", hex"010b0203", hex"00");
    }

    function nodeBytes(Shape memory p) internal pure returns (bytes memory) {
        bytes memory program = programBytes(p);
        bytes memory type_ = bytes.concat(hex"0101", u32(p.width));
        return bytes.concat(hex"03", u32(2), hex"beef", u32(1), u32(0), type_, u32(program.length), program);
    }

    /// @dev The tree over the hashes of a graph's header and its nodes.
    function graphTree(Shape memory p) internal view returns (Forest.Tree memory) {
        return Forest.uniform(false, 1 + uint256(p.nodes), "node").with(1, Forest.bytesRoot(node));
    }

    /// @dev All outputs of a graph are its last value.
    function exportTree(Shape memory p, uint256 inputs, uint256 count) internal pure returns (Forest.Tree memory) {
        return Forest.uniform(true, count, bytes32(inputs + p.nodes - 1));
    }

    function graphFacts(Shape memory p, uint256 inputs, uint256 count) private view returns (bytes memory) {
        return abi.encodePacked(graphTree(p).root(), uint32(inputs), p.nodes, exportTree(p, inputs, count).root());
    }

    function factsBytes(Shape memory p) internal view virtual returns (bytes memory packed) {
        packed = bytes.concat(graphFacts(p, 1, STATE), graphFacts(p, STATE + 4, SUMS));
        packed = bytes.concat(packed, graphFacts(p, 2 * SUMS, SUMS), graphFacts(p, STATE + 1 + SUMS, STATE));
        packed = bytes.concat(packed, abi.encodePacked(STATE, uint32(1), uint32(1)), dataFacts());
        packed = bytes.concat(packed, abi.encodePacked(2 * uint32(p.microBatches), p.microBatches, p.lanes));
        return bytes.concat(packed, abi.encodePacked(bytes32("order"), uint32(11), uint32(12), uint32(21), uint32(22)));
    }

    /// @dev 100 records of 5 bytes, 3 apart, all bytes 1.
    function dataFacts() internal view virtual returns (bytes memory) {
        return abi.encodePacked(dataTree().root(), uint64(304), uint8(4), uint32(3), uint32(5), uint64(100));
    }

    function dataTree() internal pure returns (Forest.Tree memory) {
        return Forest.uniform(true, 76, bytes32(uint256(0x01010101)));
    }

    // ----------------------------------------------------------------- moves

    function accusation(address[] memory acceptors) internal view returns (IArbiter.Accusation memory) {
        bytes32 hash = sha256(bytes.concat("assay/facts/1", facts));
        return IArbiter.Accusation(entryHash, "job", hash, solver, shape.replicas, RESPONSE, acceptors);
    }

    function accuse(address account) internal returns (bytes32 gameId) {
        return accuse(account, new address[](0));
    }

    /// @return gameId Of the account against the first seat.
    function accuse(address account, address[] memory acceptors) internal returns (bytes32 gameId) {
        uint16 joined = uint16(pinpoint.claimOf(claimId).challengers.length);
        pinpoint.open(accusation(acceptors), account);
        return bytes32(uint256(claimId) | joined);
    }

    function some(address account) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function evidence() internal view returns (IPinpoint.Evidence memory e) {
        (e.entry, e.facts, e.node) = (entry, facts, node);
        e.nodePath = graphTree(shape).open(1);
    }

    /// @dev Evidence of an end that needs no node.
    function proof(bytes[] memory a) internal view returns (IPinpoint.Evidence memory e) {
        e = evidence();
        e.openings = new bytes[][](1);
        e.openings[0] = a;
    }

    function proof(bytes[] memory a, bytes[] memory b) internal view returns (IPinpoint.Evidence memory e) {
        e = evidence();
        e.openings = new bytes[][](2);
        (e.openings[0], e.openings[1]) = (a, b);
    }

    function proof(bytes[] memory a, bytes[] memory b, bytes[] memory c)
        internal
        view
        returns (IPinpoint.Evidence memory e)
    {
        e = evidence();
        e.openings = new bytes[][](3);
        (e.openings[0], e.openings[1], e.openings[2]) = (a, b, c);
    }

    function game(bytes32 gameId) internal view returns (IPinpoint.GameView memory) {
        return pinpoint.gameOf(gameId);
    }

    /// @dev The asserter shows what is under the node in question.
    function post(bytes32 gameId) internal {
        IPinpoint.GameView memory g = game(gameId);
        Forest.Tree memory t = statement[g.level];
        bytes memory head = g.rooted || g.level != IPinpoint.Level.Words ? bytes("") : header();
        uint256 height = g.height;
        if (!g.rooted && g.level == IPinpoint.Level.Items) {
            head = bytes.concat(entry, facts);
            height = t.height();
        }
        bytes memory data = t.preimage(height, g.index);
        vm.prank(g.asserter);
        pinpoint.post(gameId, head, data);
    }

    /// @dev The challenger names an item, with at most `levels` preimages; or an export, with none.
    function choose(bytes32 gameId, uint256 index, uint256 levels) internal {
        IPinpoint.GameView memory g = game(gameId);
        Forest.Tree memory t = statement[g.level];
        bytes[] memory path = index < t.count ? t.path(g.height, index, levels) : new bytes[](0);
        bool reached = index >= t.count || levels >= g.height + (t.leaves ? 1 : 0);
        IPinpoint.Evidence memory e = choiceEvidence(g.level, index, reached);
        vm.prank(g.challenger);
        pinpoint.choose(gameId, uint64(index), path, e);
    }

    /// @dev What a choice needs; more would only cost.
    function choiceEvidence(IPinpoint.Level level, uint256 index, bool reached)
        private
        view
        returns (IPinpoint.Evidence memory e)
    {
        if (!reached || level >= IPinpoint.Level.Trace) return e;
        if (level <= IPinpoint.Level.Values) (e.entry, e.facts) = (entry, facts);
        if (level == IPinpoint.Level.Values && index == shape.inputs) e.nodePath = graphTree(shape).open(1);
        if (level == IPinpoint.Level.Words || e.nodePath.length > 0) e.node = node;
    }

    /// @dev Both play until the list of this level is left. With `levels` of 1 the asserter serves nothing but its posts.
    function play(bytes32 gameId, uint256 index, uint256 levels) internal {
        IPinpoint.Level level = game(gameId).level;
        while (game(gameId).level == level) {
            if (game(gameId).turn == IPinpoint.Side.Asserter) post(gameId);
            else choose(gameId, index, levels);
        }
    }

    /// @dev Down to a block of the trace of the element in question.
    function playToBlock(bytes32 gameId, uint256 t, uint256 levels) internal {
        play(gameId, shape.item, levels);
        play(gameId, shape.inputs, levels);
        play(gameId, shape.element, levels);
        play(gameId, t, levels);
    }

    /// @dev What block t of the sum needs: the sum before it and a word of the operand, or two sums.
    function blockProof(uint256 t) internal view returns (IPinpoint.Evidence memory e) {
        Shape memory p = shape;
        Forest.Tree memory trace = statement[IPinpoint.Level.Trace];
        bool joins = t >= p.loop;
        bool fresh = t % 512 == 0 && !joins;
        e.node = node;
        e.words = new IPinpoint.WordRef[](fresh ? 1 : 2);
        e.openings = new bytes[][](joins || fresh ? 2 : 3);
        if (joins) {
            uint256 before = t == p.loop ? 511 : t - 1;
            uint256 end = 512 * (t - p.loop + 2);
            uint256 other = (end < p.loop ? end : p.loop) - 1;
            (e.words[0].index, e.words[1].index) = (uint64(before), uint64(other));
            (e.words[0].traced, e.words[1].traced) = (true, true);
            (e.openings[0], e.openings[1]) = (trace.open(before), trace.open(other));
            return e;
        }
        uint256 place = p.element * p.loop + t;
        e.words[0].index = uint64(place);
        e.openings[0] = statement[IPinpoint.Level.Values].open(0);
        e.openings[1] = Forest.openTensor(operandHeader(p), operandWords(p), place);
        if (fresh) return e;
        (e.words[1].traced, e.words[1].index) = (true, uint64(t - 1));
        e.openings[2] = trace.open(t - 1);
    }

    function prove(bytes32 gameId, address player, IPinpoint.Evidence memory e) internal {
        vm.prank(player);
        pinpoint.prove(gameId, e);
    }

    function winner(bytes32 gameId) internal view returns (IPinpoint.Side) {
        return game(gameId).winner;
    }

    function won(bytes32 gameId, IPinpoint.Side side) internal view {
        eq(uint256(winner(gameId)), uint256(side), "winner");
    }

    function ruled(IArbiter.Ruling ruling) internal view {
        eq(uint256(pinpoint.ruling(address(this), entryHash)), uint256(ruling), "ruling");
    }
}
