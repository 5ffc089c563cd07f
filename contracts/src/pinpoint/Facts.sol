// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../IAssay.sol";
import {IPinpoint} from "./IPinpoint.sol";

/// @notice One graph of the job's program, as far as a game needs it.
struct GraphFacts {
    bytes32 root;
    uint32 inputs;
    uint32 nodes;
    bytes32 exports;
}

/// @notice What a game needs of a job (docs/spec/pinpoint.md, Facts).
struct JobFacts {
    GraphFacts init;
    GraphFacts micro;
    GraphFacts combine;
    GraphFacts update;
    uint32 state;
    uint32 gradients;
    uint32 metrics;
    bytes32 dataRoot;
    uint64 dataSize;
    uint8 dataDtype;
    uint32 stride;
    uint32 recordLength;
    uint64 trainRecords;
    uint32 batch;
    uint16 microBatches;
    uint16 lanes;
    bytes32 orderSeed;
    uint32[2] initSeed;
    uint32[2] dropoutSeed;
}

/// @title Facts and entries in their packed bytes, which their digests cover
library Facts {
    uint256 internal constant ENTRY_BYTES = 198;
    uint256 internal constant FACTS_BYTES = 413;
    uint256 private constant GRAPH_BYTES = 72;

    function factsHash(bytes calldata packed) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("assay/facts/1", packed));
    }

    function entryHash(bytes calldata packed) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("assay/entry/1", packed));
    }

    function readFacts(bytes calldata packed) internal pure returns (JobFacts memory f) {
        if (packed.length != FACTS_BYTES) revert IPinpoint.WrongEvidence("facts");
        f.init = graph(packed);
        f.micro = graph(packed[GRAPH_BYTES:]);
        f.combine = graph(packed[2 * GRAPH_BYTES:]);
        f.update = graph(packed[3 * GRAPH_BYTES:]);
        f.state = u32(packed, 288);
        f.gradients = u32(packed, 292);
        f.metrics = u32(packed, 296);
        f.dataRoot = b32(packed, 300);
        f.dataSize = u64(packed, 332);
        f.dataDtype = uint8(packed[340]);
        f.stride = u32(packed, 341);
        f.recordLength = u32(packed, 345);
        f.trainRecords = u64(packed, 349);
        f.batch = u32(packed, 357);
        f.microBatches = u16(packed, 361);
        f.lanes = u16(packed, 363);
        f.orderSeed = b32(packed, 365);
        f.initSeed = [u32(packed, 397), u32(packed, 401)];
        f.dropoutSeed = [u32(packed, 405), u32(packed, 409)];
    }

    function readEntry(bytes calldata packed) internal pure returns (IAssay.Entry memory e) {
        if (packed.length != ENTRY_BYTES) revert IPinpoint.WrongEvidence("entry");
        e.jobId = b32(packed, 0);
        e.epoch = u32(packed, 32);
        e.replica = u16(packed, 36);
        e.window = u32(packed, 38);
        e.stepFrom = u32(packed, 42);
        e.stepTo = u32(packed, 46);
        e.rootBefore = b32(packed, 50);
        e.rootAfter = b32(packed, 82);
        e.lanesRoot = b32(packed, 114);
        e.metricsRoot = b32(packed, 146);
        e.solver = address(bytes20(packed[178:198]));
    }

    function graph(bytes calldata packed) private pure returns (GraphFacts memory) {
        return GraphFacts(b32(packed, 0), u32(packed, 32), u32(packed, 36), b32(packed, 40));
    }

    function b32(bytes calldata packed, uint256 offset) private pure returns (bytes32) {
        return bytes32(packed[offset:offset + 32]);
    }

    function u64(bytes calldata packed, uint256 offset) private pure returns (uint64) {
        return uint64(bytes8(packed[offset:offset + 8]));
    }

    function u32(bytes calldata packed, uint256 offset) private pure returns (uint32) {
        return uint32(bytes4(packed[offset:offset + 4]));
    }

    function u16(bytes calldata packed, uint256 offset) private pure returns (uint16) {
        return uint16(bytes2(packed[offset:offset + 2]));
    }
}
