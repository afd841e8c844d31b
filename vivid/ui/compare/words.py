"""Words of the Compare tab: key -> (English, Chinese)."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "tab_compare": ("Compare", "对比"),
    "compare_about": (
        "Make the same video in two to four ways, watch the results in step, and keep them under a link.",
        "用两到四种方式生成同一段视频，同步观看结果，并通过链接保存。",
    ),
    "compare_setup": ("What goes in", "输入与设置"),
    "compare_portrait": ("Portrait", "肖像"),
    "compare_voice": ("Voice", "语音"),
    "compare_motion": ("Motion", "动作"),
    "compare_from_animate": ("As in the Animate tab", "与“制作”页相同"),
    "compare_presets": ("What to compare", "比较内容"),
    "compare_preset_models": ("Generators that are ready here", "此处可用的生成器"),
    "compare_preset_calibrate": ("Pose calibration on / off", "姿态校准 开 / 关"),
    "compare_preset_codebook": ("Hand codebook on / off", "手部码本 开 / 关"),
    "compare_preset_head_stream": ("Head stream on / off", "头部音频流 开 / 关"),
    "compare_preset_ablations": ("Full method and each part off", "完整方法与逐一关闭各部分"),
    "compare_preset_seeds": ("Three seeds", "三个随机种子"),
    "compare_preset_steps": ("4, 8 and 16 steps", "4、8、16 步"),
    "compare_count": ("Columns", "列数"),
    "compare_seed": ("Seed", "随机种子"),
    "compare_seed_noise": ("Seed of the noise", "噪声的随机种子"),
    "compare_seed_sway": ("Seed of blinks and sway", "眨眼与晃动的随机种子"),
    "compare_steps": ("Steps", "步数"),
    "compare_guidance_audio": ("Guidance: voice", "引导：语音"),
    "compare_guidance_image": ("Guidance: picture", "引导：图像"),
    "compare_crop": ("Place of the crop (0 to 1)", "裁剪位置（0 到 1）"),
    "compare_crop_info": (
        "As in the Animate tab; it matters where a video has another shape than the portrait",
        "与“制作”页相同；仅当视频与肖像形状不同时有效",
    ),
    "compare_own": ("For steps and guidance, 0 is its own number.", "步数与引导：0 表示模型默认值。"),
    "compare_model": ("Generator", "生成器"),
    "compare_calibrate": ("Gestures fitted to this body (PCT)", "手势匹配到此人体型 (PCT)"),
    "compare_codebook": ("Hands drawn with the codebook (HCC)", "手部由码本绘制 (HCC)"),
    "compare_head_stream": ("Head follows the voice's rhythm", "头部随语音节奏而动"),
    "compare_rendered": (
        "{model} was made for the rendered people of the examples: it draws photographs badly.",
        "{model} 是为示例中的渲染人物制作的：对照片效果较差。",
    ),
    "compare_poses": ("Also look for the hands in each video (slow)", "同时检测每段视频中的手（较慢）"),
    "compare_poses_info": (
        "Runs the pose detector over every frame: hand confidence and how much hands and head move",
        "对每一帧运行姿态检测：手部置信度，以及手和头的运动量",
    ),
    "compare_run": ("Compare", "开始比较"),
    "compare_link": ("Copy link to these settings", "复制这些设置的链接"),
    "compare_copy": ("Copy link to this comparison", "复制此比较的链接"),
    "compare_save_video": ("Side-by-side video", "并排视频"),
    "compare_save_zip": ("Everything (ZIP)", "全部内容 (ZIP)"),
    "compare_save_csv": ("Table (CSV)", "表格 (CSV)"),
    "compare_made": ("Made {made} with VividAnimator {version}.", "制作于 {made}，VividAnimator {version}。"),
    "compare_kept": (
        "Whoever has the link of this page may look at it, at least until {until}.",
        "持有本页链接的人均可查看，至少保留至 {until}。",
    ),
    "compare_gone": (
        "What this link led to is no longer here: results are kept for {hours} hours, or until the server is started "
        "again. Make it again.",
        "此链接的内容已不存在：结果保留 {hours} 小时，或直到服务器重新启动。请重新制作。",
    ),
    "compare_none": (
        "No column became a video: what stands below says why.",
        "没有一列生成视频：原因见下方。",
    ),
    "compare_no_untrained": (
        "Not trained in this model, so it changes nothing: {parts}",
        "此模型未训练，故无作用：{parts}",
    ),
    "compare_waiting": ("Column {letter} of {count}: waiting in line", "第 {letter} 列（共 {count} 列）：排队中"),
    "compare_working": ("Column {letter} of {count}", "第 {letter} 列（共 {count} 列）"),
    "compare_measuring": ("Column {letter} of {count}: measuring", "第 {letter} 列（共 {count} 列）：测量中"),
    "compare_done": ("Done.", "完成。"),
    "compare_single": ("A finished video, kept under its link.", "已完成的视频，通过链接保存。"),
    "compare_single_next": ("Make one of your own", "自己制作一个"),
    "compare_same": (
        "The columns have the same settings: change one, or choose what to compare.",
        "各列设置相同：请修改其中一列，或选择比较内容。",
    ),
    "compare_unknown_input": (
        "There is no example named {name} here: choose another one.",
        "没有名为 {name} 的示例：请另选。",
    ),
    # The player
    "compare_empty": ("The videos appear here, side by side.", "视频将并排显示在这里。"),
    "compare_play": ("Play or pause all", "全部播放或暂停"),
    "compare_seek": ("Position in all videos", "所有视频的位置"),
    "compare_sound_from": ("Whose sound is heard", "播放哪一列的声音"),
    "compare_sound": ("Sound from {letter}", "声音来自 {letter}"),
    "compare_speed": ("Speed", "速度"),
    "compare_back": ("One frame back", "后退一帧"),
    "compare_forward": ("One frame on", "前进一帧"),
    "compare_on": ("on", "开"),
    "compare_off": ("off", "关"),
    "compare_video": ("Video {letter}", "视频 {letter}"),
    # The table
    "compare_better_higher": (" (higher is better)", "（越高越好）"),
    "compare_better_lower": (" (lower is better)", "（越低越好）"),
    "compare_row_size": ("Size", "尺寸"),
    "compare_row_frames": ("Frames", "帧数"),
    "compare_row_seconds": ("Work", "耗时"),
    "compare_row_per_second": ("Work per second of video", "每秒视频耗时"),
    "compare_row_peak_memory": ("Peak memory of the GPU", "GPU 峰值内存"),
    "compare_row_bone_error": ("Bone error of the motion", "动作的骨骼误差"),
    "compare_row_reach": ("Wrists in reach", "手腕可及"),
    "compare_row_inside": ("Hands in picture", "手在画面内"),
    "compare_row_motion": ("Motion", "运动量"),
    "compare_row_flicker": ("Flicker", "闪烁"),
    "compare_row_difference": ("Difference from the first", "与第一列的差异"),
    "compare_row_hkc": ("Hand confidence (HKC)", "手部置信度 (HKC)"),
    "compare_row_hkv": ("Hand variance (HKV)", "手部方差 (HKV)"),
    "compare_row_hmv": ("Head variance (HMV)", "头部方差 (HMV)"),
    "compare_unit_seconds": ("s", "秒"),
    "compare_unit_per_second": ("s", "秒"),
    "compare_unit_peak_memory": ("MB", "MB"),
    "compare_unit_bone_error": ("%", "%"),
    "compare_unit_reach": ("%", "%"),
    "compare_unit_inside": ("%", "%"),
    "compare_unit_motion": ("levels", "灰度级"),
    "compare_unit_flicker": ("levels", "灰度级"),
    "compare_unit_difference": ("levels", "灰度级"),
    "compare_unit_hkv": ("(% of height)²", "(高度的 %)²"),
    "compare_unit_hmv": ("(% of height)²", "(高度的 %)²"),
    "compare_explained": (
        "↑ higher is better, ↓ lower is better; the others only say how the videos differ. Bone error, reach and "
        "inside judge the motion that was drawn, not the video. Motion, flicker and difference are mean changes of "
        "brightness (0 to 255). HKC, HKV and HMV come from our pose detector; they are not comparable with the "
        "paper's numbers.",
        "↑ 越高越好，↓ 越低越好；其余仅说明视频之间的差别。骨骼误差、手腕可及和手在画面内评价的是所用动作而非视频。"
        "运动量、闪烁和差异是亮度（0–255）的平均变化。"
        "HKC、HKV、HMV 由我们的姿态检测器测得，与论文数值不可比。",
    ),
}

SENTENCES: dict[str, str] = {
    "There is no {} named {} here: choose another one.": "此处没有名为 {1} 的{0}：请另选。",
    "Choose a portrait, a voice and a motion: here, or in the Animate tab.": (
        "请选择肖像、语音和动作：在此处，或在“制作”页。"
    ),
    "There is no generator {}: choose one that is offered here.": "没有名为 {0} 的生成器：请从此处提供的中选择。",
    "{} is not ready on this server: choose another generator.": "此服务器上 {0} 尚不可用：请选择其他生成器。",
    "The comparison is still being made: wait until it is done, or stop it.": "比较仍在进行：请等待完成，或停止。",
    "Two finished videos are needed to stand side by side: wait for them, or compare again.": (
        "并排视频需要两段已完成的视频：请等待，或重新比较。"
    ),
    "There is no finished video of yours to take along: make one.": "没有可导出的已完成视频：请先生成一个。",
    "This comparison is no longer kept here: compare again.": "此比较已不再保留：请重新比较。",
    "{} columns cannot be compared: choose 2 to {}.": "无法比较 {0} 列：请选择 2 到 {1} 列。",
    "This link's settings cannot be read: ask for it again, or choose settings here.": (
        "此链接中的设置无法读取：请重新索取，或在此处选择设置。"
    ),
    "{} is {}: choose {} to {}.": "{0} 为 {1}：请选择 {2} 到 {3}。",
    "{} is {}: choose a whole number.": "{0} 为 {1}：请选择整数。",
    "{} is either on or off.": "{0} 只能开或关。",
}
"""What the tab raises: English template -> Chinese."""
