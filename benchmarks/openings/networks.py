"""The networks of the zoo: what each is opened by, and at which size.

All are drawn at random: no weights are needed to see whether a network is read right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

ORDER_SEED = 0


@dataclass(frozen=True)
class Entry:
    """One network.

    Args:
        kind: "keras", "torchvision", "timm", "transformers" or "people".
        name: within its kind.
        opened_by: what `layerscope look` is given.
        size: side of its pictures in pixels; None leaves it to the network.
    """

    kind: str
    name: str
    opened_by: str
    size: int | None = None


TORCHVISION = {
    "alexnet": 96, "vgg11": 64, "vgg11_bn": 64, "squeezenet1_0": 96, "squeezenet1_1": 96,
    "resnet18": 64, "resnet50": 64, "resnext50_32x4d": 64, "wide_resnet50_2": 64,
    "densenet121": 64, "googlenet": 96, "inception_v3": 128, "shufflenet_v2_x0_5": 64,
    "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 64, "mnasnet0_5": 64,
    "efficientnet_b0": 64, "efficientnet_v2_s": 64, "regnet_y_400mf": 64, "regnet_x_400mf": 64,
    "convnext_tiny": 64, "vit_b_32": 64, "swin_t": 64, "swin_v2_t": 64, "maxvit_t": 224,
}  # fmt: skip
# Small members of timm's families; None where a network is laid out for one size alone.
TIMM: dict[str, int | None] = {
    "resnet10t": 64, "resnet18": 64, "resnet26d": 64, "resnetv2_50": 64, "resnext26ts": 64,
    "seresnext26t_32x4d": 64, "ecaresnet26t": 64, "skresnet18": 64, "gcresnext26ts": 64,
    "resnest14d": 64, "res2net50_14w_8s": 64, "selecsls42": 64, "dla34": 64, "dla46_c": 64,
    "densenet121": 64, "vovnet39a": 64, "ese_vovnet19b_dw": 64, "hrnet_w18_small": 64,
    "mobilenetv1_100": 64, "mobilenetv2_035": 64, "mobilenetv3_small_050": 64,
    "tf_mobilenetv3_small_minimal_100": 64, "mobilenetv4_conv_small": 64,
    "mobilenetv4_hybrid_medium": 64, "mobileone_s0": 64, "fastvit_t8": 64, "repvgg_a0": 64,
    "repghostnet_050": 64, "ghostnet_050": 64, "ghostnetv2_100": 64, "lcnet_035": 64,
    "tinynet_e": 64, "mnasnet_small": 64, "semnasnet_050": 64, "fbnetc_100": 64,
    "spnasnet_100": 64, "mixnet_s": 64, "efficientnet_b0": 64, "efficientnet_es": 64,
    "tf_efficientnet_b0": 64, "tf_efficientnetv2_b0": 64, "efficientnetv2_rw_t": 64,
    "regnetx_002": 64, "regnety_002": 64, "regnetz_005": 64, "rexnet_100": 64,
    "hardcorenas_a": 64, "convnext_atto": 64, "convnext_zepto_rms": 64, "convnextv2_atto": 64,
    "inception_next_atto": 64, "starnet_s1": 64, "edgenext_xx_small": 64, "mobilevit_xxs": 64,
    "mobilevitv2_050": 64, "poolformer_s12": 64, "poolformerv2_s12": 64, "caformer_s18": 64,
    "convformer_s18": 64, "convmixer_768_32": 64, "vit_tiny_patch16_224": None,
    "vit_base_patch32_224": None, "deit_tiny_patch16_224": None,
    "deit_tiny_distilled_patch16_224": None, "beit_base_patch16_224": None,
    "cait_xxs24_224": None, "xcit_nano_12_p16_224": None, "swin_tiny_patch4_window7_224": None,
    "swinv2_cr_tiny_ns_224": None, "pit_ti_224": None, "levit_128s": None, "visformer_tiny": None,
    "convit_tiny": None, "crossvit_tiny_240": None, "coat_tiny": None,
    "coatnet_pico_rw_224": None, "maxvit_pico_rw_256": None, "mixer_s32_224": None,
    "gmixer_12_224": None, "gmlp_ti16_224": None, "resmlp_12_224": None,
    "twins_pcpvt_small": None, "twins_svt_small": None, "volo_d1_224": None, "pvt_v2_b0": 64,
    "mvitv2_tiny": None, "efficientformer_l1": None, "efficientformerv2_s0": None,
    "efficientvit_b0": 64, "efficientvit_m0": None, "tiny_vit_5m_224": None, "nest_tiny": None,
    "tnt_s_patch16_224": None, "focalnet_tiny_srf": 64, "davit_tiny": 64, "gcvit_xxtiny": None,
    "hiera_tiny_224": None, "mambaout_femto": 64, "nextvit_small": 64, "repvit_m0_9": 64,
    "shvit_s1": 64, "swiftformer_xs": 64, "nf_resnet26": 64, "nf_regnet_b0": 64,
    "dm_nfnet_f0": 64, "bat_resnext26ts": None, "cspresnet50": 64, "cspdarknet53": 64,
    "darknet17": 64, "pnasnet5large": None, "xception41": 64, "legacy_xception": 96,
    "inception_v3": 96, "test_vit": None,
}  # fmt: skip
TRANSFORMERS = (
    "vit", "deit", "beit", "swin", "convnext", "convnextv2", "resnet", "regnet", "mobilenet_v2",
    "mobilevit", "poolformer", "dinov2", "pvt_v2",
)  # fmt: skip


def entries() -> list[Entry]:
    """All networks: the small ones first, the others in an order drawn at random.

    However early a run is stopped, what it reached is a sample over all the families.
    """
    from openings import keras_networks

    small = [Entry("people", name, f"openings.people:{name}", 16) for name in people()]
    small += [Entry("transformers", name, f"openings.hf_networks:{name}") for name in TRANSFORMERS]
    written = [make.__name__ for make in keras_networks.WRITTEN]
    small += [Entry("keras", name, f"openings.keras_networks:{name}") for name in written]
    large = [
        Entry("keras", name, f"openings.keras_networks:{name}")
        for name in keras_networks.APPLICATIONS
    ]
    large += [
        Entry("torchvision", name, f"torchvision:{name}", size)
        for name, size in TORCHVISION.items()
    ]
    large += [Entry("timm", name, f"timm:{name}", size) for name, size in TIMM.items()]
    random.Random(ORDER_SEED).shuffle(large)
    return [*small, *large]


def people() -> list[str]:
    """Small networks as people write them, which the tests hold, too."""
    from openings.people import NETWORKS

    return list(NETWORKS)
